"""Benchmark tasks, one folder each; a task's card is its README.md."""
