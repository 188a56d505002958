"""Servers of known timing on the loopback, one module per service."""
