"""What the visual tasks share: an instruction, two seconds of silence, then a video that is only watched.

Instructions are spoken where a clip exists. Clips are listed in ``instructions.json`` of a data folder, or of
the mini set, which ships the fixed ones: ``{key: {"file": ..., "text": ...}}``, the file relative to that
folder; one is found by its key or by its text. Without a clip the user sends the instruction as a text
message, and the sample says so in its notes, because reading is not hearing. ``python -m
tml_bench.tasks._visual TASK DATA`` speaks what is missing with the extra ``voices``.
"""

import argparse
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.bounded_files import is_there
from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.media.scan import scan
from tml_bench.samples import Sample, Script, Subtitle, UserText, UserTurn, UserVideo
from tml_bench.tasks._common.records import json_file, short
from tml_bench.timebase import seconds
from tml_bench.timeline import TalkStretch, Timeline

SILENCE_S = 2.0
"""Between the instruction's end and the video's first instant."""
TAIL_S = 3.0
"""Silence and a black picture after the video, in which the model may still answer."""
LIST = "instructions.json"
_GET_VIDEOS = "get the videos, see `tml-bench list tasks`"
AS_TEXT = "no spoken instruction for this sample: sent as a text message"
_SPOKEN_RATE = 16000


class _Entry(msgspec.Struct, frozen=True):
    file: str
    text: str


def instruction_stretches(sample: Sample, timeline: Timeline) -> tuple[TalkStretch, ...]:
    """The instruction as a turn at whose end no answer is due: it says when to speak."""
    return tuple(TalkStretch(turn.start_s, turn.end_s, awaits=False) for turn in timeline.turns)


class InstructionScript(NamedTuple):
    """A script that gives an instruction and then, from ``video_at_s`` on, shows a video; and notes."""

    script: Script
    video_at_s: float
    notes: tuple[str, ...]


class InstructionClips(dict[str, Path]):
    """Spoken instructions by key and by text, in lower case."""

    def ask(
        self, text: str, keys: Iterable[str], video: Path, subtitles: tuple[Subtitle, ...] = ()
    ) -> InstructionScript:
        """The script: instruction at 0, silence, video, tail.

        Args:
            text: the instruction; sent as text where it has no clip.
            keys: where its clip may be found, the first that is there, before its text.
            video: what is shown then, without its sound.
            subtitles: burned into it.

        Raises:
            BadSampleError: the clip cannot be read.
        """
        clip = next((self[key.lower()] for key in (*keys, text) if key.lower() in self), None)
        notes: tuple[str, ...] = ()
        if clip is None:
            script, at, notes = Script(texts=(UserText(0.0, text),)), SILENCE_S, (AS_TEXT,)
        else:
            info = probe(clip)
            script, at, notes = Script((UserTurn(clip, label=text),)), info.duration_s + SILENCE_S, info.notes
        shown = UserVideo(video, at_s=at, subtitles=subtitles)
        return InstructionScript(replace(script, videos=(shown,), tail_s=TAIL_S), at, notes)


def load_spoken(folders: Iterable[Path]) -> InstructionClips:
    """Read the lists of clips; the first folder that has a name decides.

    Raises:
        UserError: a list is broken, or names a file that is not there.
    """
    found = InstructionClips()
    for folder in folders:
        path = folder / LIST
        if not path.is_file():
            continue
        entries = json_file(path, dict[str, _Entry], 'give {key: {"file": ..., "text": ...}}')
        for key, entry in entries.items():
            clip = folder / entry.file
            if not is_there(clip):
                raise UserError(f"{path}: {key}: {entry.file} is missing", "render the instructions again")
            for name in (key.lower(), entry.text.lower()):
                found.setdefault(name, clip)
    return found


def find_video(folders: Iterable[Path], name: str) -> Path:
    """The video of that name in the first folder with it. Raises `BadSampleError`: it is nowhere or empty."""
    places = [folder / name for folder in folders]
    for path in places:
        if is_there(path):
            if not path.stat().st_size:
                raise BadSampleError(f"{short(path)}: the file is empty; {_GET_VIDEOS}")
            return path
    raise BadSampleError(f"{short(places[0])}: the video is missing; {_GET_VIDEOS}")


def sample_id(*parts: str) -> str:
    """An id made of parts: everything but letters, digits, ``.`` and ``_`` becomes ``-``."""
    return "-".join(re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-") for part in parts if part)


def duration_of(video: Path) -> float:
    """Length of a video in seconds, until its last frame has been shown, whatever its header says.

    Raises:
        BadSampleError: it is no video that can be shown.
    """
    return seconds(scan(video).video.end_ns)


def main() -> None:
    """Speak the instructions of a task's data that have no clip yet, into DATA/instructions."""
    from tml_bench.plugins import load_task
    from tml_bench.synthesis import speech

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("task")
    parser.add_argument("data", type=Path)
    chosen = parser.parse_args()
    data: Path = chosen.data
    path = data / LIST
    entries = msgspec.json.decode(path.read_bytes(), type=dict[str, _Entry]) if path.is_file() else {}
    samples = load_task(chosen.task).samples(data)
    # What was sent as text for want of a clip.
    for text in dict.fromkeys(text.text for sample in samples for text in sample.script.texts):
        file = f"instructions/{sample_id(text)[:60].lower()}-{len(entries)}.flac"
        clip = speech.level(speech.synthesise(text, speech.SynthesisVoice("hibari"), _SPOKEN_RATE))
        speech.write_flac(data / file, clip, _SPOKEN_RATE)
        entries[text] = _Entry(file, text)
        speech.write_json(path, msgspec.to_builtins(entries))


if __name__ == "__main__":
    main()
