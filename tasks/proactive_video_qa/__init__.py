"""ProactiveVideoQA: answering when the video shows it."""
