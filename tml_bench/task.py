"""The contract of a benchmark: what it loads, what it measures and what it compares with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench import respondents
from tml_bench.errors import UserError
from tml_bench.metric import (
    Axis as Axis,
    BoardScore as BoardScore,
    Direction as Direction,
    Kind as Kind,
    Mark as Mark,
    Metric as Metric,
    Overall as Overall,
    PublishedNumber as PublishedNumber,
    Score as Score,
    TradeOff as TradeOff,
    Value as Value,
)
from tml_bench.questions import Question, Rubric, Rule, Verdicts
from tml_bench.samples import Sample
from tml_bench.timeline import TalkStretch, Timeline, Word

NO_VERDICTS: Verdicts = {}
"""For tasks that ask nothing."""
Strategy = Callable[[Sample], Timeline]
"""A blind strategy: what it does on a sample."""


class ImportedExchange(NamedTuple):
    """A finished exchange that another harness recorded.

    Attributes:
        sample: the example, as ``Task.samples`` would give it.
        model_audio: the model's audio, on the user audio's clock; None where ``sample.problem`` is set.
        words: its transcript exactly as the file has it; None when there is no transcript.
    """

    sample: Sample
    model_audio: Path | None
    words: tuple[Word, ...] | None


class _Manifest(msgspec.Struct, frozen=True):
    version: str


class DataKind(StrEnum):
    """What a run's data is beside the data that published numbers are for."""

    OFFICIAL = "official"
    """The whole official data."""
    SAMPLE = "sample"
    """The small set that ships in the place of official data."""
    PART = "part"
    """A folder that is not known to be the whole official data."""
    OWN = "own"
    """The set that ships, of a task that has no other."""
    VARIANT = "variant"
    """A folder given to such a task."""


class OfficialSize(NamedTuple):
    """How large a part of the official data is.

    Attributes:
        subset: the part; empty for all of the task.
        samples: that are scored.
        video_s: mean length of their videos in seconds; None where there are none, or it is not known.
    """

    subset: str
    samples: int
    video_s: float | None = None


class Task(ABC):
    """One benchmark: a declaration, of which only the first five attributes and two methods are needed.

    Attributes:
        name: as in ``tml-bench run --task NAME``.
        title: for people.
        subsets: its parts, in the order of the published tables.
        metrics: all metrics, in the order of the report.
        headline: names of the metrics that the short leaderboard shows.
        data_help: where the official data comes from and the folder layout expected.
        mini: folder of the sample set that ships, with a ``manifest.json`` that states its ``version``; None
            where samples are made in memory.
        not_run: measures of the protocol that are not computed, with the reason.
        overall: subsets taken together, shown before the single ones.
        rubrics: what judges are asked about recordings of this task.
        rules: how the offline judge decides them, by name of the rubric.
        search_rules: the same for the search among the members of `family`, which must also say what these
            would be judged where the rules cannot tell; those of ``rules`` where it names none.
        beyond_rules: subsets whose judged metrics rules cannot know, each with the reason: by rules they are
            missing there.
        hears_user: scoring needs the user's speech as it was played, ``Timeline.user``.
        split_of: the task that this is another split of; such a task is run only when named. Empty for a task
            of its own.
        needs_history: its scripts have a history, so only adapters with ``takes_history`` can run it.
        board: the one measure that stands for the task on the board; None for its first headline metric, on
            the first part that has it.
        official_sizes: how large the official data is, so that what it takes can be told without it; empty
            where the set that ships is all there is.
    """

    name: str
    title: str
    subsets: tuple[str, ...]
    metrics: tuple[Metric, ...]
    headline: tuple[str, ...]
    data_help: str = "There is no data to get.\n"
    mini: Path | None = None
    not_run: Mapping[str, str] = {}
    overall: tuple[Overall, ...] = ()
    rubrics: tuple[Rubric, ...] = ()
    rules: Mapping[str, Rule] = {}
    search_rules: Mapping[str, Rule] = {}
    beyond_rules: Mapping[str, str] = {}
    hears_user: bool = False
    split_of: str = ""
    needs_history: bool = False
    board: BoardScore | None = None
    official_sizes: tuple[OfficialSize, ...] = ()
    _declared: tuple[Metric, ...] = ()

    def __init_subclass__(cls) -> None:
        """Put the task's subsets where a metric names none."""
        cls._declared = cls.__dict__.get("metrics", cls._declared)
        if cls._declared:
            own = getattr(cls, "subsets", ())
            cls.metrics = tuple(
                m if m.subsets else msgspec.structs.replace(m, subsets=own) for m in cls._declared
            )

    def dataset(self, data: Path | None) -> str:
        """Name and version of the data, part of every result.

        By default what ``mini`` states, or ``mini``; for a folder ``official``, or ``custom-`` and its name.
        """
        if data is not None and (self.mini is None or data.resolve() != self.mini.resolve()):
            return "official" if self.is_official(data) else f"custom-{data.resolve().name}"
        manifest = None if self.mini is None else self.mini / "manifest.json"
        if manifest is None or not manifest.is_file():
            return "mini"
        return msgspec.json.decode(manifest.read_bytes(), type=_Manifest).version

    def is_official(self, folder: Path, /) -> bool:
        """Whether a folder holds the whole official data; no, unless the task can tell."""
        return False

    def kind_of_data(self, dataset: str) -> DataKind:
        """What data of this name is, as reports tell it.

        A task has no official data if it cannot tell it (``is_official``) and no numbers are published on it.
        """
        if dataset.startswith("official"):
            return DataKind.OFFICIAL
        has_official = type(self).is_official is not Task.is_official or bool(self.published())
        if dataset == self.dataset(None):
            return DataKind.SAMPLE if has_official else DataKind.OWN
        return DataKind.PART if has_official else DataKind.VARIANT

    def own_folders(self) -> tuple[Path, ...]:
        """Where samples of any data may have files too, such as a cache; by default ``mini``."""
        return () if self.mini is None else (self.mini,)

    @abstractmethod
    def samples(self, data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
        """Load the samples, in a fixed order.

        Args:
            data: the official data's folder; None for the mini set that ships.
            subsets: only these; empty means all, unless the task's ``data_help`` says otherwise.

        Raises:
            tml_bench.errors.UserError: the folder or a subset does not exist.
        """

    def closed_loop(self, sample: Sample, /) -> Sample | None:
        """The sample in closed loop: the same id, subset and kind of reference, the user's turns wait.

        Where the user's turns of a sample stand at fixed times, or the model is given turns that others
        answered, this is the conversation in which they follow what the model itself does (`AfterModelStops`,
        `IntoModelSpeech`). Scoring then goes by ``Timeline.turns``. The sample as it is where nothing in it
        can wait, such as a single turn; one with a ``problem`` where what it takes is missing.

        None, unless the task says so: it has no closed loop, or its samples are in it already.
        """
        return None

    def stretches(self, sample: Sample, timeline: Timeline) -> tuple[tuple[float, float], ...]:
        """Stretches of the model's track whose voice scoring needs described, as ``Timeline.voices``.

        Pure; ``(start, end)`` in seconds. None, unless the task says so: it costs time.
        """
        return ()

    def user_stretches(self, sample: Sample, timeline: Timeline) -> tuple[TalkStretch, ...]:
        """What the user's speech in a recording is, for `tml_bench.metrics.interaction`; in order.

        Pure. Empty, unless the task says otherwise: each turn that was played (``timeline.turns``) is then
        one turn that awaits an answer. Not asked where a simulated user spoke (``timeline.lines``).
        """
        return ()

    def recognises_user(self, sample: Sample) -> bool:
        """Whether scoring a sample needs the user's words recognised in the user's track, ``Timeline.user``.

        No, unless the task says so: it costs time, and data that has the words' times needs none.
        """
        return False

    def questions(self, sample: Sample, timeline: Timeline) -> tuple[Question, ...]:
        """What a judge must decide before a recording can be scored; nothing, unless the task says so.

        Pure, and without regard to other verdicts, so that all questions of a run are known beforehand.
        """
        return ()

    @abstractmethod
    def score(self, sample: Sample, timeline: Timeline, verdicts: Verdicts = NO_VERDICTS) -> Score:
        """Score one recording. Pure: same sample, timeline and verdicts, same score.

        A metric whose verdict is missing (see `tml_bench.questions.verdict_of`) is missing itself.
        """

    def blind(self, sample: Sample) -> dict[str, Timeline]:
        """Timelines of strategies that look at nothing, by name; the best of them is the floor.

        Every sample of the task must give the same names. By default silence, endless talk and an answer at
        a fixed time; nothing, hence no floor, where `tml_bench.respondents` cannot know the session's length.
        """
        return respondents.blind(sample)

    def family(self, samples: Sequence[Sample]) -> Mapping[str, Strategy]:
        """More strategies that look at nothing, by name, among which the best on these samples is searched.

        A grid of onsets, periods or lengths, which `tml_bench.scoring.search` scores whole; only those that
        are the best on some metric are played and shown. None, unless the task says so.
        """
        return {}

    def ideal(self, sample: Sample) -> Timeline:
        """The timeline of a respondent that does exactly what is expected: the ceiling.

        By default it says what ``sample.reference.ideal`` lists.
        """
        return respondents.ideal(sample)

    def marks(self, sample: Sample) -> tuple[Mark, ...]:
        """What a picture of the sample shows; by default the end of the user's turn and the ideal onsets."""
        end_s = sample.reference.user_end_s
        user = () if end_s is None else (Mark(end_s, None, "user end"),)
        return (*user, *(Mark(u.at_s, u.until_s, f"ideal {u.role}") for u in sample.reference.ideal))

    def published(self) -> tuple[PublishedNumber, ...]:
        """Numbers others reported on the official data; by default those in ``results/published``, if any."""
        file = resources.files("tml_bench.published") / f"{self.name}.json"
        return (
            msgspec.json.decode(file.read_bytes(), type=tuple[PublishedNumber, ...]) if file.is_file() else ()
        )

    def imports(self, folder: Path, /) -> Iterator[ImportedExchange]:
        """Read exchanges recorded by another harness.

        Raises:
            tml_bench.errors.UserError: the task cannot import, or the folder is not in its layout.
        """
        raise UserError(
            f"{self.name} has no import", "run `tml-bench list tasks` to see which tasks have one"
        )
