"""How turns were taken, from recordings to the report: one section for all tasks, honest about few events."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from tml_bench.cli import main
from tml_bench.plugins import load_task
from tml_bench.report.interaction_lines import interaction_metrics, interaction_of_run, interaction_of_runs
from tml_bench.samples import Sample
from tml_bench.scoring.epochs import united
from tml_bench.scoring.interaction import (
    MEASURES,
    NO_YIELD_RATE,
    InteractionMeasure,
    InteractionSummary,
    interaction_of,
    united_interaction,
    user_talk,
)
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import from_json, stored_summaries, to_json
from tml_bench.timeline import Segment, Timeline, UserAct, UserLine, Word, WordSource

pytestmark = pytest.mark.usefixtures("without_pictures", "in_this_process")

GOLDEN = Path(__file__).parent / "golden" / "runs" / "fd-bench-v1-mini-1--delayed-700"
TASK = load_task("audio-multichallenge-open")
"""Any task of which each turn played is a turn."""


def recording(*acts: tuple[UserAct, float, float], model: tuple[tuple[float, float], ...]) -> Timeline:
    lines = tuple(UserLine(start, end, "text", act) for act, start, end in acts)
    heard = tuple(Segment(line.start_s, line.end_s) for line in lines)
    said = tuple(Segment(*span) for span in model)
    return Timeline(20.0, said, word_source=WordSource.NONE, lines=lines, user_speech=heard)


GOAL, MHM, ASIDE = UserAct.GOAL, UserAct.BACKCHANNEL, UserAct.ASIDE
ANSWERED = recording((GOAL, 1, 3), model=((3.5, 6),))
HELD = recording((GOAL, 1, 3), (MHM, 5, 5.4), model=((3.5, 9),))
DROPPED = recording((GOAL, 1, 3), (MHM, 5, 5.4), model=((3.5, 5.6),))
INTERRUPTED = recording((GOAL, 1, 3), (GOAL, 6, 8), model=((3.5, 6.4), (8.9, 12)))


def summed(
    timelines: Mapping[str, Timeline], units: Mapping[str, str] = MappingProxyType({}), companion: str = ""
) -> InteractionSummary:
    names = [name for name in timelines if name != companion]
    samples = [Sample(name, "s", unit=units.get(name, "")) for name in names]
    if companion:
        samples.append(Sample(companion, "s", scored=False))
        samples[0] = Sample(names[0], "s", companions={"clean": companion})
    heard: Any = SimpleNamespace(run=SimpleNamespace(task=TASK, samples=samples), timelines=timelines)
    return interaction_of(heard)


def named(found: InteractionSummary) -> dict[str, InteractionMeasure]:
    return {m.metric.name: m for m in found.measures}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stored before there were these measures, scored again."""
    run = Path(shutil.copytree(GOLDEN, tmp_path_factory.mktemp("runs") / GOLDEN.name))
    result = CliRunner().invoke(main, ["score", str(run), "-q", "--jobs", "1"])
    assert result.exit_code == 0, result.output
    return run


def test_the_delayed_adapter_measures_its_delay(scored: Path) -> None:
    (summary,) = stored_summaries(scored)
    assert isinstance(summary.interaction, InteractionSummary)
    found = named(summary.interaction)
    assert list(found) == [m.name for m in MEASURES]
    latency = found["response_latency"]
    assert latency.quantiles[2] == pytest.approx(0.7, abs=0.02)
    assert (found["response_rate"].estimate.mean, found["response_rate"].n) == (1.0, 1)
    # The user's last tick ends at 5.2 s, the answer's first begins at 5.6 s.
    assert found["tau_l_r"].estimate.mean == pytest.approx(0.4)
    shares = [found[f"floor_{who}"].estimate.mean for who in ("user", "model", "both", "none")]
    assert sum(share or 0.0 for share in shares) == pytest.approx(1.0, abs=1e-3)


def test_the_user_s_speech_is_found_once(scored: Path) -> None:
    cached = list((scored / "timelines").glob("*-user-speech.json"))
    assert len(cached) == 1
    before = cached[0].stat().st_mtime_ns
    assert CliRunner().invoke(main, ["score", str(scored), "-q", "--jobs", "1"]).exit_code == 0
    assert cached[0].stat().st_mtime_ns == before


def test_every_form_of_a_report_has_the_section(scored: Path, tmp_path: Path) -> None:
    outputs = []
    for option in (("--task", "fd-bench-v1"), ("--out", str(tmp_path / "report"))):
        result = CliRunner(env={"COLUMNS": "120"}).invoke(main, ["report", str(scored), *option])
        assert result.exit_code == 0, result.output
        outputs.append(result.output)
    assert ["Interaction" in output for output in outputs] == [True, False]
    assert "Response latency" in (tmp_path / "report" / "report.md").read_text()
    pages = [*(tmp_path / "report").glob("tasks/*.html"), *(tmp_path / "report").glob("runs/*.html")]
    assert all("Turns interrupted" in page.read_text() for page in pages)
    rows = list(csv.DictReader((tmp_path / "report" / "report.csv").open()))
    mine = [row["metric"] for row in rows if row["family"] in ("interaction", "tau-voice")]
    assert mine == [m.name for m in MEASURES]
    assert len({tuple(row) for row in rows}) == 1
    assert '"response_latency"' in (tmp_path / "report" / "report.json").read_text()


def test_a_summary_of_old_has_none_and_is_read(scored: Path) -> None:
    (old,) = stored_summaries(GOLDEN)
    assert old.interaction is msgspec.UNSET
    assert interaction_of_run(old) == interaction_of_runs([("a", old)]) == interaction_metrics(old) == []
    (new,) = stored_summaries(scored)
    assert from_json(to_json([new])) == [new]
    with_old = interaction_of_runs([("new", new), ("old", old)])
    assert [row.cells[0].text for row in with_old[0].rows] == ["new"]


def test_it_is_no_metric_of_the_task_and_not_on_the_board(scored: Path) -> None:
    (summary,) = stored_summaries(scored)
    assert not {m.metric.name for m in summary.metrics} & {m.name for m in MEASURES}


def test_few_events_are_grey_and_told() -> None:
    few = summed({f"s{k}": INTERRUPTED for k in range(4)})
    many = summed({f"s{k}": INTERRUPTED for k in range(10)})
    assert [named(one)["yield_rate"].n for one in (few, many)] == [4, 10]
    forms = []
    for one in (few, many):
        cells = interaction_of_runs([("a", with_interaction(one))])[0]
        place = [column.head for column in cells.columns].index("Yield rate ↑ (%)")
        forms.append((cells.rows[0].cells[place].form, cells.rows[0].cells[place].remark))
    assert forms == [("few", "n 4"), ("", "n 10")]


def with_interaction(found: InteractionSummary) -> Summary:
    return msgspec.structs.replace(stored_summaries(GOLDEN)[0], interaction=found)


def test_selectivity_never_stands_without_the_yield_rate() -> None:
    alone = named(summed({"a": HELD, "b": DROPPED}))["selectivity_backchannel"]
    assert (alone.n, alone.estimate.mean, alone.withheld) == (2, None, NO_YIELD_RATE)
    beside = named(summed({"a": HELD, "b": DROPPED, "c": INTERRUPTED}))
    assert beside["selectivity_backchannel"].estimate.mean == 0.5
    assert beside["yield_rate"].estimate.mean == 1.0
    withheld = with_interaction(summed({"a": HELD}))
    rows = {m.metric.name: m for m in interaction_metrics(withheld)}
    assert rows["selectivity_backchannel"].estimate.mean is None
    assert rows["selectivity_backchannel"].missing == {NO_YIELD_RATE: 1}
    assert f"withheld: {NO_YIELD_RATE}" in str(interaction_of_run(withheld))


def test_intervals_are_of_units_and_companions_belong_to_what_they_accompany() -> None:
    many = {f"s{k}": ANSWERED if k % 2 else HELD for k in range(40)}
    apart = named(summed(many))["response_rate"]
    together = named(summed(many, {name: f"u{k // 8}" for k, name in enumerate(many)}))["response_rate"]
    assert (apart.n, apart.estimate.n_units) == (40, 40)
    assert (together.n, together.estimate.n_units) == (40, 5)
    paired = summed({"a": ANSWERED, "a-clean": ANSWERED}, companion="a-clean")
    assert named(paired)["response_rate"].values == {"a": [1.0, 1.0]}


def test_epochs_are_more_events_of_the_same_units() -> None:
    first, second = summed({"a": HELD, "b": INTERRUPTED}), summed({"a": DROPPED, "b": INTERRUPTED})
    both = united_interaction([first, second])
    assert isinstance(both, InteractionSummary)
    found = named(both)
    assert both.recordings == 4
    assert (found["selectivity_backchannel"].n, found["selectivity_backchannel"].estimate.mean) == (2, 0.5)
    assert found["response_rate"].estimate.n_units == 2
    assert found["yield_latency"].values == {"b": [0.4, 0.4]}
    assert named(first)["yield_latency"].values == {"b": [0.4]}
    assert united_interaction([]) is msgspec.UNSET
    epochs = [with_interaction(one) for one in (first, second)]
    epochs[1] = msgspec.structs.replace(epochs[1], facts=msgspec.structs.replace(epochs[1].facts, epoch=2))
    (joined,) = united(epochs)
    assert isinstance(joined.interaction, InteractionSummary)
    assert joined.interaction.recordings == 4


def test_other_versions_are_never_added_up() -> None:
    one = summed({"a": ANSWERED})
    other = msgspec.structs.replace(one, measures=tuple(
        msgspec.structs.replace(m, metric=msgspec.structs.replace(m.metric, version=9)) for m in one.measures
    ))  # fmt: skip
    assert united_interaction([one, other]) is msgspec.UNSET


def test_an_interrupting_agent_is_counted_where_nothing_is_to_be_answered() -> None:
    """Also where no turn could be answered: both count for I_A, as they are added up there."""
    never = recording((GOAL, 1, 8), model=((2, 4), (5, 12)))
    found = named(summed({"a": never, "b": ANSWERED}))
    assert found["tau_i_a"].estimate.mean == 2.0
    assert found["turns_interrupted"].estimate.mean == 0.5


def test_a_line_in_which_nothing_is_heard_was_said_all_the_same() -> None:
    silent = msgspec.structs.replace(ANSWERED, user_speech=())
    (talk,) = user_talk(TASK, Sample("a", "s"), silent)
    assert talk[:2] == (1, 3)


def test_an_imported_recording_has_turns_between_silences_of_a_second() -> None:
    spans = (Segment(0.5, 2.0), Segment(2.9, 4.0), Segment(5.0, 6.0))
    timeline = Timeline(9.0, user_speech=spans)
    assert [talk[:2] for talk in user_talk(TASK, Sample("a", "s"), timeline)] == [(0.5, 4.0), (5.0, 6.0)]
    assert user_talk(TASK, Sample("a", "s"), Timeline(9.0)) == ()


def test_sounds_that_are_no_words_answer_nothing() -> None:
    """One who stalls with "Um." is as late as its answer; one who says "Sure." is not."""
    found = []
    for text in ("Mm-hm.", "Um,", "Sure."):
        stalled = recording((GOAL, 1, 3), model=((3.1, 3.5), (7, 9)))
        words = (Word(text, 3.1, 3.5), *(Word("word", 7 + k / 2, 7.4 + k / 2) for k in range(4)))
        known = msgspec.structs.replace(stalled, words=words, word_source=WordSource.ADAPTER)
        found.append(named(summed({"a": known}))["response_latency"].estimate.mean)
    assert found == [4.0, 4.0, 0.1]


@pytest.mark.parametrize(
    ("text", "source", "n"),
    [
        ("All done.", WordSource.ADAPTER, 1),
        ('"Is it?"', WordSource.ALIGNED, 1),
        ("All done.", WordSource.ASR, 2),
        ("All do", WordSource.ADAPTER, 2),
        ("All do...", WordSource.PROPORTIONAL, 2),
    ],
)
def test_who_ends_a_sentence_has_not_stopped_for_a_backchannel(text: str, source: WordSource, n: int) -> None:
    """As its own transcript has it; a recogniser makes sentences of what is cut short."""
    words = [Word(word, 5.0 + k / 4, 5.2 + k / 4) for k, word in enumerate(text.split())]
    dropped = msgspec.structs.replace(DROPPED, words=tuple(words), word_source=source)
    found = named(summed({"a": dropped, "b": HELD, "c": INTERRUPTED}))["selectivity_backchannel"]
    assert found.n == n
    assert found.estimate.mean == 1 / n


def test_words_of_the_model_tell_what_takes_the_turn() -> None:
    words = tuple(Word(text, 1.5 + 0.25 * k, 1.75 + 0.25 * k) for k, text in enumerate(("I", "see", "that")))
    spoken = recording((GOAL, 1, 5), model=((1.5, 2.3),))
    known = msgspec.structs.replace(spoken, words=words, word_source=WordSource.ADAPTER)
    rates = [named(summed({"a": one}))["turns_interrupted"].estimate.mean for one in (spoken, known)]
    assert rates == [0.0, 1.0]
