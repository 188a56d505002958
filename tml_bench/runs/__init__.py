"""Planning, running, storing and resuming runs."""
