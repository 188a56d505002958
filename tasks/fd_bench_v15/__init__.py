"""FD-bench v1.5 (Full-Duplex-Bench v1.5)."""
