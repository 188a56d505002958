"""The example task of the documentation, as a module that pickle can find."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

FILE = Path(__file__).resolve().parent.parent / "examples" / "task.py"


def load_example() -> ModuleType:
    """``examples/task.py``."""
    spec = importlib.util.spec_from_file_location("task_example_file", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
