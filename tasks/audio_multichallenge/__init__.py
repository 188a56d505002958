"""Audio MultiChallenge."""
