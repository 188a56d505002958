"""FD-bench v3: functions called for disfluent spoken requests."""
