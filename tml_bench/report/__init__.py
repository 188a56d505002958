"""Leaderboards and pictures; knows only scores and recordings.

``tml_bench.report`` is both this package and the function that writes a report: importing a module of a
package puts the package where its parent has that name, so the package itself is made callable.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


class _CallablePackage(ModuleType):
    def __call__(
        self,
        runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        out: str | os.PathLike[str] | None = None,
    ) -> Path:
        """Write the report, see `tml_bench.report.files.report`."""
        from tml_bench.report.files import report

        return report(runs, out)


sys.modules[__name__].__class__ = _CallablePackage
