"""What both versions of FD-bench share: their data folders."""
