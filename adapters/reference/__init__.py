"""Reference adapters with known right scores; they need no key and show what the harness measures."""

from tml_bench.adapters.reference.plain import AlwaysOn, Echo, Silent
from tml_bench.adapters.reference.planned import Delayed, Early, Oracle

__all__ = ["AlwaysOn", "Delayed", "Early", "Echo", "Oracle", "Silent"]
