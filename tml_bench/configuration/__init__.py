"""What a run is asked for in files: suites, ``tml-bench.toml``, and which layer of them says what.

A file knows the flags of `run` as keys, which the command line hands over (`keys`); so a flag that is added
is a key without more. `files` reads and checks, `presets` are the suites that ship, `layers` lays one over
the other, `shown` writes what comes out as a file that can be read again.
"""
