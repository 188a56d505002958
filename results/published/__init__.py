"""Numbers reported by others, each with its source."""
