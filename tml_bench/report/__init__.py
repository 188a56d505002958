"""Leaderboards and pictures; knows only scores and recordings."""
