"""CueSpeak: reacting while the user talks on."""
