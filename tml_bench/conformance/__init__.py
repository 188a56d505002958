"""Whether an adapter or a wire server does what a run will ask of it: ``tml-bench check-adapter``."""

from tml_bench.conformance.check import CASES, check
from tml_bench.conformance.findings import CaseFinding, CaseVerdict

__all__ = ["CASES", "CaseFinding", "CaseVerdict", "check"]
