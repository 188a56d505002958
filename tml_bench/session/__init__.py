"""The simulated clock, the micro-turn loop, the user side and playback."""
