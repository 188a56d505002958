"""What a model scores that tells its words without times: the same as with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from fakes import Scripted, no_floor_search, run_and_score, run_session, sample_of, silence

from tml_bench.adapter import Output, Transcript
from tml_bench.adapters.reference.voice import clip
from tml_bench.perception.recordings import timeline_of
from tml_bench.report.files import read_summaries
from tml_bench.report.layout import tables
from tml_bench.runs.selection import Selection
from tml_bench.samples import Reference, Sample, UserTurn
from tml_bench.scoring.judging import SPREAD_TIMES, score_all
from tml_bench.scoring.summary import Summary
from tml_bench.session.settings import Settings
from tml_bench.tasks.charades.loader import MomentAnnotation
from tml_bench.tasks.charades.task import Charades
from tml_bench.tasks.fd_bench_v1.loader import InterruptionAnnotation, PauseAnnotation
from tml_bench.tasks.fd_bench_v1.task import FdBenchV1
from tml_bench.tasks.repcount_a.loader import RepetitionAnnotation
from tml_bench.tasks.repcount_a.task import RepCountA
from tml_bench.timeline import Timeline, WordSource

pytestmark = pytest.mark.usefixtures("in_this_process")

RATE = 24000
MOMENT = MomentAnnotation(start_s=6.0, end_s=12.0, video_at_s=3.0, length_s=15.0)
COUNT = RepetitionAnnotation("squat", 4, (4.8, 6.8, 8.8, 10.8), 3.0, 12.0)
PAUSE = PauseAnnotation(20.0, (2.0, 5.0), 18.0)
INTERRUPTION = InterruptionAnnotation(20.0, (5.0, 7.0), "Tell me of tea.", "No, of coffee.")


def spoken(name: str, *pieces: str, flush: bool = False) -> Output:
    """A shipped clip, with the pieces as its transcript."""
    return Output(clip(name, RATE).audio, tuple(map(Transcript, pieces)), flush=flush)


def heard(folder: Path, annotation: object, said: Mapping[float, Output]) -> tuple[Sample, Timeline]:
    """What is perceived, without recognition, where these outputs come at these times."""
    sample = sample_of(UserTurn(silence(20.0)), reference=Reference(annotation=annotation))
    adapter = Scripted({round(at / 0.2) - 1: output for at, output in said.items()}, audio_out=RATE)
    facts = run_session(folder / "recording", sample, adapter, Settings()).recording.facts
    timeline = timeline_of(facts, folder / "timeline.json", "transcript")
    assert timeline.word_source is WordSource.PROPORTIONAL
    return sample, timeline


def values(task: object, sample: Sample, timeline: Timeline) -> dict[str, float]:
    (score,) = score_all(task, [(sample, timeline)]).scores  # type: ignore[arg-type]
    assert score.notes.count(SPREAD_TIMES) == 1
    return {name: value.numerator / (value.denominator or 1) for name, value in score.values.items()}


def test_start_and_stop_in_two_replies(tmp_path: Path) -> None:
    """Before, the two were one word, which is neither: an mIoU of 0."""
    said = {6.0: spoken("start", "Start."), 12.0: spoken("stop", "Stop.")}
    found = values(Charades(), *heard(tmp_path, MOMENT, said))
    assert found["miou"] > 0.99
    assert found["start_error"] < 0.01


def test_a_sentence_before_the_video_moves_nothing_in_it(tmp_path: Path) -> None:
    """Before, its text and "Start." were laid over all speech: "Stop." began within the first "Start."."""
    before = spoken("answer", "Okay, I can", " help you with that. Let me explain ", "how it works.")
    said = {0.4: before, 6.0: spoken("start", "Start."), 12.0: spoken("stop", "Stop.")}
    assert values(Charades(), *heard(tmp_path, MOMENT, said))["miou"] > 0.99


def test_words_without_spaces_stay_words(tmp_path: Path) -> None:
    """Before, what a Pipecat bot says was one long word: nothing in it was found."""
    text = clip("answer", RATE).text.split()
    said = {0.4: spoken("answer", *text), 6.0: spoken("start", "Start."), 12.0: spoken("stop", "Stop.")}
    sample, timeline = heard(tmp_path, MOMENT, said)
    assert [word.text for word in timeline.words] == [*text, "Start.", "Stop."]
    assert values(Charades(), sample, timeline)["miou"] > 0.99


@pytest.mark.parametrize("texts", [("One.", "Two.", "Three.", "Four."), ("1", "2", "3", "4")])
def test_numbers_in_replies_of_their_own(tmp_path: Path, texts: tuple[str, ...]) -> None:
    """Before, they were one number, or none."""
    names = ("one", "two", "three", "four")
    said = {end: spoken(name, text) for end, name, text in zip(COUNT.ends, names, texts, strict=True)}
    found = values(RepCountA(), *heard(tmp_path, COUNT, said))
    assert (found["obo"], found["counted"]) == (1.0, 1.0)
    assert found["count_latency"] < 0.01


def in_subset(found: tuple[Sample, Timeline], subset: str) -> tuple[Sample, Timeline]:
    sample, timeline = found
    return Sample(sample.id, subset, sample.script, sample.reference), timeline


def test_a_reply_that_was_dropped_is_no_takeover(tmp_path: Path) -> None:
    """Before, the unheard answer was laid over the backchannel in the user's pause: a takeover."""
    said = {
        3.0: spoken("backchannel", "Right."),
        3.2: spoken("answer", clip("answer", RATE).text),
        3.4: Output(flush=True),
    }
    found = in_subset(heard(tmp_path, PAUSE, said), "candor_pause_handling")
    assert [word.text for word in found[1].words] == ["Right."]
    assert values(FdBenchV1(), *found)["pause_takeover"] == 0.0


def test_a_judge_reads_what_was_heard(tmp_path: Path) -> None:
    """Of an answer of four sentences, the last two come after the flush that follows 1.9 s of its 3.5 s."""
    said = {
        7.4: spoken(
            "answer", "Coffee is drunk hot. ", "Some like ", "it cold. ", "Nobody heard this.", " Nor this."
        ),
        9.4: Output(flush=True),
    }
    found = in_subset(heard(tmp_path, INTERRUPTION, said), "synthetic_user_interruption")
    (question,) = FdBenchV1().questions(*found)
    (reply,) = question.texts("reply")
    assert reply.startswith("Coffee is drunk hot. Some like it cold.")
    assert "this" not in reply


# The perfect model -------------------------------------------------------------------------------

FORMS = ("Timed", "Sentences", "Deltas")
TASKS: dict[str, tuple[str, ...]] = {
    "audio-multichallenge": ("INFERENCE_MEMORY",),
    "charades": ("sta",),
    "cuespeak": ("running_count", "list_reaction"),
    "fd-bench-v1": (),
    "fd-bench-v1.5": ("user_interruption",),
    "proactive-video-qa": ("WEB", "VAD"),
    "repcount-a": (),
    "timespeak": ("schedule", "elapsed_time"),
}
"""Every task that ships; where one would take long, the subsets that are played."""


def means(summary: Summary) -> dict[tuple[str, str], float | None]:
    """What a run scored, but for what describes a voice and is estimated where words have no times."""
    return {
        (m.subset, m.metric.name): m.estimate.mean for m in summary.metrics if m.metric.unit in ("%", "s")
    }


@pytest.mark.parametrize("task", TASKS)
def test_a_perfect_model_scores_the_same_in_every_form(tmp_path: Path, task: str) -> None:
    forms = [f"{Path(__file__).parent / 'forms.py'}:{name}" for name in FORMS]
    with no_floor_search(task):
        runs = run_and_score(tmp_path, forms, task=task, selection=Selection(subsets=TASKS[task], limit=1))
    timed, *others = summaries = read_summaries([runs[form] for form in forms])
    for untimed in others:
        for key, mean in means(timed).items():
            other = means(untimed)[key]
            assert (mean is None) == (other is None), key
            assert other is None or other == pytest.approx(mean, abs=0.02), key
    caveats = [line for table in tables(summaries) for line in table.caveats if SPREAD_TIMES in line]
    assert len(caveats) == len(others)
