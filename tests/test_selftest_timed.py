"""What the selftest expects of tasks whose items say what must be said and when."""

from __future__ import annotations

from tml_bench.conformance.selftest import ExpectedScore, timed_expectations
from tml_bench.plugins import suite_names, task_names
from tml_bench.samples import Reference, Sample, Utterance


def test_silence_is_worth_the_share_of_silent_controls() -> None:
    speaks = Reference(ideal=(Utterance(1.0, text="now"),))
    samples = [Sample("a", "x", reference=speaks), Sample("b", "x"), Sample("c", "y", reference=speaks)]
    found = timed_expectations(samples)
    shares = {e.subset: e.value for e in found if (e.adapter, e.metric) == ("silent", "on_time")}
    assert shares == {"x": 0.5, "y": 0.0}
    assert ExpectedScore("oracle", "x", "on_time", 1.0) in found
    assert ExpectedScore("always-on", "y", "on_time", 0.0, 0.05) in found


def test_a_further_split_is_run_only_when_named() -> None:
    assert "fd-bench-v1" in suite_names()
    assert set(suite_names()) <= set(task_names())
    assert not [name for name in suite_names() if name.endswith("-test")]
