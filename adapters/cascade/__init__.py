"""cascade: a real local voice agent of the usual kind, to show what one can and cannot do.

Voice activity detection (Silero) cuts the user's turns out, Whisper reads them, rules of English make a
plan of them, and a local voice speaks. It is half-duplex: it gets the turn only once the user has been silent
for a while, and while it speaks it does nothing but stop when it is interrupted. What it was asked to do at
a time it does at that time, on its own clock, unless the user is just speaking.
"""

from tml_bench.adapters.cascade.adapter import Cascade

__all__ = ["Cascade"]
