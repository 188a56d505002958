"""Charades: saying when an action starts and stops."""
