"""FD-bench v2: conversations in which the user goes for four goals, one after the other."""
