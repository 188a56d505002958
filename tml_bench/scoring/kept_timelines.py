"""What was heard of a run, from the index that is kept beside it, and back to it."""

import time

from tml_bench.perception.perceive import WordMode
from tml_bench.recording import SessionFacts
from tml_bench.runs.heard_index import HeardIndex
from tml_bench.runs.heard_recording import HeardRecording
from tml_bench.runs.store import StoredRun
from tml_bench.scoring.packed import PackedMap
from tml_bench.timeline import Timeline


class KeptTimelines:
    """What was heard of a run: what its index knows, and will know.

    Args:
        run: the run.
        words: where words may come from.
        facts: what is known of its recordings, by sample; filled.
        timelines: what was heard in them; filled.
    """

    def __init__(
        self, run: StoredRun, words: WordMode, facts: PackedMap[SessionFacts], timelines: PackedMap[Timeline]
    ) -> None:
        self._index = HeardIndex(run.path, run.file, run.task, run.samples, words)
        self._attempts = {attempt.sample: attempt.attempt for attempt in run.valid()}
        self._facts, self._timelines = facts, timelines
        self._grew = False
        self._began_ns = time.time_ns()

    def read(self) -> int:
        """Take what is there; returns of how many recordings."""
        for sample, heard in self._index.read(self._attempts):
            self._facts.set_text(sample, heard.facts)
            self._timelines.set_text(sample, heard.timeline)
        return len(self._timelines)

    def add(self, sample: str, timeline: Timeline) -> None:
        """Add what was perceived."""
        self._timelines[sample] = timeline
        self._grew = True

    def write(self) -> None:
        """Keep all, if there is more than before."""
        if self._grew:
            heard = ((sample, self._attempts[sample], self._texts(sample)) for sample in self._timelines)
            self._index.replace(heard, self._began_ns)

    def _texts(self, sample: str) -> HeardRecording:
        return HeardRecording(self._facts.text(sample), self._timelines.text(sample))
