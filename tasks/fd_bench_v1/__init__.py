"""FD-bench v1 (Full-Duplex-Bench v1.0)."""
