"""Presence: staying in the conversation while slow work is done."""
