"""Reference adapters with known right scores; they need no key."""
