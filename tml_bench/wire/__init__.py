"""The wire protocol, version 1: its messages and its binary frames."""
