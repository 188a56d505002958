"""What was heard in a recording, as it goes from process to process and is kept."""

from typing import NamedTuple

import msgspec

from tml_bench.recording import SessionFacts
from tml_bench.stored_paths import text_of_path
from tml_bench.timeline import Timeline


class HeardRecording(NamedTuple):
    """What the events of a recording say, and its timeline, as JSON."""

    facts: bytes
    timeline: bytes


def heard_recording(facts: SessionFacts, timeline: Timeline) -> HeardRecording:
    """Of a recording."""
    return HeardRecording(msgspec.json.encode(facts, enc_hook=text_of_path), msgspec.json.encode(timeline))
