"""Where the words of a run come from, and how much of its transcript came too late to say when."""

from collections import Counter

import msgspec

from tml_bench.scoring.timelines import RunTimelines


class WordReport(msgspec.Struct, frozen=True):
    """The words by which a run is scored.

    Attributes:
        sources: recordings by source of their words (`tml_bench.timeline.WordSource`), valid ones only.
        late: pieces of transcript that came over 3 s after the end of their audio, in all.
        late_recordings: in how many recordings.
    """

    sources: dict[str, int]
    late: int = 0
    late_recordings: int = 0


def word_report(heard: RunTimelines) -> WordReport:
    """The words of a run as it was perceived."""
    counts = Counter(timeline.word_source.value for timeline in heard.timelines.values())
    late = [heard.facts[sample].late for sample in heard.timelines]
    return WordReport(dict(sorted(counts.items())), sum(late), sum(n > 0 for n in late))
