"""FD-bench v1 (Full-Duplex-Bench v1.0): pauses, backchannels, turn ends and interruptions."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product
from math import ceil
from pathlib import Path

from msgspec import structs

from tml_bench.metrics.turn_score import IN_TIME_S
from tml_bench.samples import Sample
from tml_bench.task import (
    Axis,
    BoardScore,
    Direction,
    Kind,
    Metric,
    OfficialSize,
    Overall,
    Strategy,
    TradeOff,
)
from tml_bench.tasks._common import FolderTask, annotation_of
from tml_bench.tasks._common.speech import Speech, speaking
from tml_bench.tasks.fd_bench_v1 import loader, scoring
from tml_bench.tasks.fd_bench_v1.closed import closed_loop
from tml_bench.tasks.fd_bench_v1.loader import (
    PROTOCOLS,
    ClipAnnotation,
    InterruptionAnnotation,
    PauseAnnotation,
    TurnEndAnnotation,
)
from tml_bench.tasks.fd_bench_v1.scoring import PLACEHOLDER, RATING
from tml_bench.timeline import Segment, TalkStretch, Timeline

ANSWER_S, ANSWER = 2.0, (PLACEHOLDER,) * 5
SHORT_S, SHORT = 0.4, (PLACEHOLDER,)
STOP_S = 0.05
"""How long after an interruption begins the ideal respondent stops: it must have been speaking."""
ONSETS = range(31)
"""Onsets of the constant answer in seconds; interruption clips, the longest to answer, last about 28 s."""
PERIODS = (2, 3, 5, 8)
"""Periods of the metronome in seconds."""
STEP_S, LAST_S = 0.25, 30.0
"""Of the onsets and ends that are searched: how far apart, and the last."""
ANSWERING_PERIODS = (3, 4, 5, 6, 8, 10, 12)
"""Periods of the answers that come again and again, first at one of `PHASES` of the period."""
APART_S = ANSWER_S + 1.0
"""How far the second of two answers begins after the first at least, so that they are not one."""
SEARCHED_PERIODS = (*(k / 4 for k in range(4, 33)), *(k / 2 for k in range(17, 25)))
"""Periods of the metronomes that are searched, each with its first beat at one of `PHASES` of the period."""
PHASES = (0.25, 0.5, 0.75, 1.0)
BEFORE_S, BEYOND_S = 0.1, 0.5
"""How far the user's speech may reach beyond its annotated ends."""


def heard(duration_s: float, said: Iterable[Speech]) -> Timeline:
    """As `speaking`, with the segments that the reference's voice activity detector would find."""
    found = speaking(duration_s, said)
    rounded = tuple(Segment(round(s.start_s, 1), round(s.end_s, 1)) for s in found.segments)
    return structs.replace(found, silero_segments=rounded)


def _length(sample: Sample) -> float:
    return annotation_of(sample, ClipAnnotation).duration_s


def _constant(at_s: float, sample: Sample) -> Timeline:
    """One answer of 2 s."""
    return heard(_length(sample), [Speech(at_s, at_s + ANSWER_S, ANSWER)])


def _until(end_s: float, sample: Sample) -> Timeline:
    """Talk from the start to a time."""
    return heard(_length(sample), [Speech(0.0, end_s, [PLACEHOLDER] * ceil(2.5 * end_s))])


def _metronome(period_s: float, first_s: float, sample: Sample) -> Timeline:
    """A backchannel at fixed intervals."""
    length = _length(sample)
    beats = [first_s + k * period_s for k in range(ceil((length - first_s) / period_s))]
    return heard(length, [Speech(t, t + SHORT_S, SHORT) for t in beats])


def _answering(period_s: float, first_s: float, sample: Sample) -> Timeline:
    """An answer of 2 s at fixed intervals."""
    length = _length(sample)
    times = [first_s + k * period_s for k in range(ceil((length - first_s) / period_s))]
    return heard(length, [Speech(t, t + ANSWER_S, ANSWER) for t in times])


def _twice(first_s: float, second_s: float, sample: Sample) -> Timeline:
    """An answer of 2 s, and another."""
    said = [Speech(t, t + ANSWER_S, ANSWER) for t in (first_s, second_s)]
    return heard(_length(sample), said)


def _interrupting(samples: Iterable[Sample], times: Sequence[float]) -> float:
    """Of some times the one that most interruptions would be answered at in time; the first of equals."""
    items = (annotation_of(sample, ClipAnnotation) for sample in samples)
    ends = [item.interruption[1] for item in items if isinstance(item, InterruptionAnnotation)]
    return max(times, key=lambda t: sum(0.0 <= t - end <= IN_TIME_S for end in ends))


LOWER, NEITHER = Direction.LOWER, Direction.NONE
SUBSETS = (*PROTOCOLS, *dict.fromkeys(PROTOCOLS.values()))
"""The official subsets, and the protocols, to which imported recordings from elsewhere belong."""


def _where(*protocols: str) -> tuple[str, ...]:
    return tuple(s for s in SUBSETS if PROTOCOLS.get(s, s) in protocols)


PAUSE, BACKCHANNEL = _where("pause_handling"), _where("backchannel")
TURN, INTERRUPTION = _where("smooth_turn_taking"), _where("user_interruption")
ANSWERED = _where("smooth_turn_taking", "user_interruption")

_repaired = partial(Metric, family="repaired")
_share = partial(_repaired, unit="%", kind=Kind.RATE)
_time = partial(_repaired, unit="s", direction=LOWER)
_exact = partial(Metric, family="reference-exact")

OVERALL = Overall("turn taking", tuple(PROTOCOLS), equal=True, weights=(1, 1, 2, 2, 2))
"""Each protocol weighs the same, and so the two subsets with pauses half as much each."""
BOARD = BoardScore(
    "turn_score",
    OVERALL.name,
    "Half of it is waiting and listening, half is answering and giving way, in time. Silence gets the "
    "waiting and half of the listening, endless talk nothing, and an answer at a fixed time takes the turn "
    "in a story and hits only what ends just then. The floor is the best of several hundred such "
    "strategies.",
    axis=Axis.TURN_TAKING,
    trade=TradeOff("latency", TURN, "pause_takeover", PAUSE),
)

METRICS = (
    Metric(name="turn_score", title="Turn score", unit="%", kind=Kind.RATIO, family="board",
           describes="What each clip can show: the model leaves the turn in pauses; listens, with "
           "backchannels; answers a turn's end in time; stops when interrupted, then answers in time."),
    _share(name="pause_takeover", title="Takeover in pause", direction=LOWER, subsets=PAUSE,
           describes="The model takes the turn during the user's pause or within 1 s after it."),
    _share(name="pause_backchannel", title="Backchannel in pause", direction=NEITHER, subsets=PAUSE,
           describes="The model gives a backchannel during the user's pause or within 1 s after it."),
    _share(name="other_takeover", title="Takeover elsewhere", direction=LOWER, subsets=PAUSE,
           describes="The model takes the turn elsewhere before the user's end."),
    _share(name="bc_precision", title="Backchannel precision", kind=Kind.RATIO, subsets=BACKCHANNEL,
           describes="Share of the model's backchannels that begin where listeners give them."),
    _share(name="bc_recall", title="Backchannel recall", kind=Kind.RATIO, subsets=BACKCHANNEL,
           describes="Share of the opportunities that get a backchannel."),
    _share(name="bc_f1", title="Backchannel F1", kind=Kind.RATIO, subsets=BACKCHANNEL,
           describes="Harmonic mean of backchannel precision and recall."),
    _repaired(name="bc_per_minute", title="Backchannels per minute", unit="1/min", direction=NEITHER,
              kind=Kind.RATIO, subsets=BACKCHANNEL,
              describes="The model's backchannels per minute of audio."),
    _share(name="takeover", title="Takeover", direction=LOWER, subsets=BACKCHANNEL,
           describes="The model takes the turn anywhere while the user talks."),
    _share(name="early_start", title="Early start", direction=LOWER, subsets=ANSWERED,
           describes="The model takes the turn before the user is done."),
    _share(name="response", title="Response", subsets=ANSWERED,
           describes="The model takes the turn after the user is done, and not before."),
    _time(name="latency", title="Latency", subsets=ANSWERED,
          describes="Time from the user's end to the response."),
    _time(name="signed_latency", title="Signed latency", direction=NEITHER, subsets=ANSWERED,
          describes="Time from the user's end to the model's turn; negative when it starts early."),
    _share(name="yield", title="Yield", subsets=INTERRUPTION,
           describes="The model, speaking when interrupted, stops before the user is done."),
    _share(name="talked_over", title="Talked over", direction=NEITHER, subsets=INTERRUPTION,
           describes="The model is speaking when interrupted; otherwise there is nothing to stop."),
    _share(name="nothing_owed", title="Finished before", direction=NEITHER, subsets=INTERRUPTION,
           describes="The model had taken the turn before and is silent when interrupted: it owes no stop."),
    _time(name="stop_latency", title="Stop latency", subsets=INTERRUPTION,
          describes="Time from the interruption's start until the model stops, whenever that is."),
    _exact(name="fdb_pause_tor", title="FDB TOR (pause)", unit="%", kind=Kind.RATE, direction=LOWER,
           subsets=PAUSE, describes="Takeover anywhere in the clip, by the transcript."),
    _exact(name="fdb_bc_tor", title="FDB TOR (backchannel)", unit="%", kind=Kind.RATE, direction=LOWER,
           subsets=BACKCHANNEL, spread=True,
           describes="Takeover by voice activity; the last segment decides."),
    _exact(name="fdb_bc_freq", title="FDB backchannels per second", subsets=BACKCHANNEL, spread=True,
           describes="Speech segments up to 3 s per second of audio."),
    _exact(name="fdb_bc_jsd", title="FDB JSD", direction=LOWER, subsets=BACKCHANNEL, spread=True,
           describes="Jensen-Shannon distance to the listeners' distribution; 1 without speech."),
    _exact(name="fdb_tor", title="FDB TOR", unit="%", kind=Kind.RATE, subsets=ANSWERED,
           describes="Takeover anywhere in the transcript (interruption: of what follows it)."),
    _exact(name="fdb_latency", title="FDB latency", unit="s", direction=LOWER, subsets=ANSWERED,
           describes="Time from the user's end to the first word, at least 0; takeovers only."),
    _exact(name="fdb_rating", title="FDB rating", subsets=INTERRUPTION, judged=True,
           describes="How well the answer responds to the interruption, 0 to 5 by a judge; takeovers only."),
)  # fmt: skip
HEADLINE = ("pause_takeover", "bc_f1", "early_start", "response", "latency", "yield")


class FdBenchV1(FolderTask):
    """Full-Duplex-Bench v1.0, with the reference's rules and repaired ones side by side."""

    name = "fd-bench-v1"
    title = "FD-bench v1: turn taking"
    subsets = SUBSETS
    metrics = METRICS
    headline = HEADLINE
    overall = (OVERALL,)
    board = BOARD
    mini = Path(__file__).parent / "mini"
    official_sizes = tuple(OfficialSize(name, sizes[0]) for name, sizes in loader.OFFICIAL_SIZES.items())
    data_help = """\
The official data are behind the Google Drive link in dataset/README.md of the repository
DanielLin94144/Full-Duplex-Bench on GitHub. The parts from CANDOR and ICC are CC BY-NC 4.0, the synthetic
parts MIT. Unpack them to

    DATA/candor_pause_handling/{ID}/input.wav pause.json transcription.json
    DATA/synthetic_pause_handling/{ID}/input.wav pause.json transcription.json
    DATA/icc_backchannel/{ID}/input.wav transcription.json
    DATA/candor_turn_taking/{ID}/input.wav turn_taking.json transcription.json
    DATA/synthetic_user_interruption/{ID}/input.wav context.wav interrupt.wav interrupt.json
    DATA/icc_gt_distribution.json      (from evaluation/ of the same repository)

and give DATA; a folder v1_0 or v1.0 in between, one subset's folder alone, and FLAC all do.
"""
    rubrics = (RATING,)
    load = staticmethod(loader.load)
    sheet = staticmethod(scoring.score)
    is_official = staticmethod(loader.is_official)
    questions = staticmethod(scoring.questions)
    annotated = staticmethod(scoring.annotated)
    imports = staticmethod(loader.load_imports)
    closed_loop = staticmethod(closed_loop)

    def user_stretches(self, sample: Sample, timeline: Timeline) -> tuple[TalkStretch, ...]:
        """The user's turns by the annotation, with pauses; an answer is due where the protocol asks for it.

        What is heard more than `BEYOND_S` after a turn's annotated end is no turn. In closed loop context and
        interruption are turns of their own, as by default.
        """
        if len(sample.script.turns) > 1:
            return ()
        match item := annotation_of(sample, ClipAnnotation):
            case InterruptionAnnotation():
                begins, ends = item.interruption
                context = TalkStretch(0.0, begins - BEFORE_S, awaits=False)
                return context, TalkStretch(begins - BEFORE_S, ends + BEYOND_S)
            case TurnEndAnnotation():
                return (TalkStretch(0.0, item.user_end_s + BEYOND_S),)
            case PauseAnnotation():
                return (TalkStretch(0.0, item.user_end_s + BEYOND_S, awaits=False),)
        return (TalkStretch(0.0, item.duration_s, awaits=False),)

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Timelines of strategies that look at nothing, the same names for every sample.

        ``silent``; ``always-on``; ``constant@T``: one answer from T seconds on, cut at the clip's end;
        ``metronome@P``: a backchannel every P seconds.
        """
        length = _length(sample)
        found = {"silent": heard(length, []), "always-on": _until(length, sample)}
        found |= {f"constant@{t}": _constant(float(t), sample) for t in ONSETS}
        return found | {f"metronome@{period}": _metronome(period, period, sample) for period in PERIODS}

    def family(self, samples: Sequence[Sample]) -> dict[str, Strategy]:
        """``constant@T`` and ``until@T``; metronomes and repeated answers by period and first beat.

        And two answers, ``constant@T and U``, of which the second is where most interruptions end.
        """
        times = [k * STEP_S for k in range(1, 1 + int(LAST_S / STEP_S))]
        found: dict[str, Strategy] = {f"constant@{t:g}": partial(_constant, t) for t in times if t % 1}
        found |= {f"until@{t:g}": partial(_until, t) for t in times}
        for period, phase in product(SEARCHED_PERIODS, PHASES):
            if phase != 1 or period not in PERIODS:
                first = period * phase
                name = f"metronome@{period:g}" + (f" from {first:g}" if phase != 1 else "")
                found[name] = partial(_metronome, period, first)
        for period, phase in product(ANSWERING_PERIODS, PHASES):
            first = period * phase
            found[f"answers@{period} from {first:g}"] = partial(_answering, period, first)
        second = _interrupting(samples, times)
        for first in (t for t in times if t + APART_S <= second):
            found[f"constant@{first:g} and {second:g}"] = partial(_twice, first, second)
        return found

    def ideal(self, sample: Sample) -> Timeline:
        """Timeline of a respondent that says what the reference asks for, in answers of 2 s.

        It answers at once, and stops as soon as it can be told from one that had finished.
        """
        item, end_s = annotation_of(sample, ClipAnnotation), sample.reference.user_end_s
        said = []
        for u in sample.reference.ideal:
            at = u.at_s if end_s is None else min(u.at_s, end_s)
            length, words = (SHORT_S, SHORT) if u.role == "backchannel" else (ANSWER_S, ANSWER)
            if u.until_s is not None and isinstance(item, InterruptionAnnotation):
                length = min(length, item.interruption[0] + STOP_S - at)
            said.append(Speech(at, at + length, words))
        return heard(item.duration_s, said)
