"""From recordings to scores and their summaries, in one forward pass."""
