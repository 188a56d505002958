"""The notebook of the examples is executed as a kernel would, and the documentation shows the same lines."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tml_bench import Recording, Run

pytestmark = pytest.mark.usefixtures("in_this_process")

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = json.loads((ROOT / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """What the cells define, executed one after the other, and the figure that each left."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    figures = []
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("notebook"))
        patched.setattr(plt, "show", lambda: None)
        plt.switch_backend("Agg")
        for cell in CELLS:
            exec(compile(cell, "<cell>", "exec", dont_inherit=True), namespace)
            figures.append(plt.gcf() if plt.get_fignums() else None)
            plt.close("all")
        yield namespace, figures


def test_the_model_ran_on_every_sample(executed: tuple[dict[str, Any], list[Any]]) -> None:
    run = executed[0]["run"]
    assert isinstance(run, Run)
    assert run.path == Path("results/fd-bench-v1-mini-1--Parrot")
    assert run.complete
    assert len(executed[0]["table"]) == 30


def test_the_histogram_counts_every_latency(executed: tuple[dict[str, Any], list[Any]]) -> None:
    namespace, (_, _, histogram, _) = executed
    (axes,) = histogram.axes
    counted = sum(bar.get_height() for bar in axes.patches)
    assert counted == namespace["table"]["latency"].notna().sum() > 0


def test_the_worst_recording_is_the_slowest_answer_s(executed: tuple[dict[str, Any], list[Any]]) -> None:
    namespace, (*_, drawn) = executed
    table, worst = namespace["table"], namespace["worst"]
    assert isinstance(worst, Recording)
    assert worst.opened.sample == table["sample"][table["latency"].idxmax()]
    user, model = drawn.axes[0].lines
    assert np.array_equal(model.get_ydata() + 1, worst.audio()[0][1])
    assert len(user.get_xdata()) == len(model.get_xdata())


def test_the_page_shows_the_lines_of_the_notebook() -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```py\n(.*?)^```$", page, re.M | re.S)[0]
    assert shown == "\n\n\n".join(CELLS) + "\n"


def test_what_follows_the_model_is_ten_lines() -> None:
    first, *rest = CELLS
    assert sum(len(ast.parse(cell).body) for cell in rest) == 10
    assert "class Parrot(StepAdapter)" in first
