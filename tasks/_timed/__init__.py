"""What TimeSpeak and CueSpeak share: items, renderings, scoring, the offline judge, strategies."""
