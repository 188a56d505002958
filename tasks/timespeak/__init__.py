"""TimeSpeak: saying it at the right time."""
