"""Models under test: one module or folder per kind of model or service."""
