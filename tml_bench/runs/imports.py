"""Turn exchanges that another harness recorded into a run that scores like our own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from tml_bench import events as ev
from tml_bench.errors import BadSampleError, UserError
from tml_bench.files import sync_contents
from tml_bench.media.audio import ClipReader, probe
from tml_bench.outcome import Outcome
from tml_bench.recording_writer import RecordingWriter
from tml_bench.runs.admission import admitted_imports
from tml_bench.runs.config import RUN_SCHEMA, RunConfig, RunFile, RunPlan, environment
from tml_bench.runs.continuing import closed, incomplete, resumed, settings_sha256
from tml_bench.runs.identity import dataset_sha256, sample_hashes
from tml_bench.runs.layout import spread
from tml_bench.runs.recorded import damaged
from tml_bench.runs.store import Attempt, RunFolder, last_attempts
from tml_bench.samples import Waveform
from tml_bench.task import ImportedExchange, Task
from tml_bench.timebase import NS

SHORTER_NOTE_S = 0.1
"""The two files may differ in length by this much without a remark."""
_BLOCK = 1 << 18
"""So many samples are read at a time."""


def import_run(
    task: Task, source: Path, path: Path, name: str, task_file: str = "", *, allow_outside: bool = False
) -> Iterator[Attempt]:
    """Import every exchange in a folder of the task's layout; yields each attempt as it is recorded.

    Running it again continues: what has been imported stays. ``name`` is that of the system that spoke, for
    reports; ``task_file`` is ``FILE.py:CLASS`` of a task from a file; with ``allow_outside`` files may lie
    outside the folder. Raises `UserError` where the folder is
    not in the task's layout, or holds nothing to import.
    """
    # What is wrong with a file may name its path, which is part of the data's hash; scoring reads this path.
    source = source.resolve()
    imported = admitted_imports(task, source, allow_outside=allow_outside)
    if not imported:
        raise UserError(f"{source} holds nothing to import", task.data_help)
    hashes = sample_hashes([item.sample for item in imported], source)
    config = RunConfig(
        schema=RUN_SCHEMA, task=task.name, task_file=task_file, dataset=f"imported from {source.name}",
        dataset_sha256=dataset_sha256(hashes), data=str(source), subsets=(), limit=0, adapter=name,
        privileged=False, clock="imported", compute="none", replay="", tick_ns=0, seed=0, max_session_s=0.0,
        allow_outside=allow_outside,
    )  # fmt: skip
    plan = RunPlan(path, config, tuple(item.sample for item in imported), hashes=hashes)
    with RunFolder(
        path, RunFile(config, environment(), spread=spread(len(plan.samples))), partial(resumed, plan)
    ) as folder:
        done = last_attempts(folder.attempts)
        lost = damaged(path, folder.file, done.values())
        todo = [item for item in imported if item.sample.id not in done or item.sample.id in lost]
        if todo and (why := closed(folder.file)):
            raise incomplete(path, why)
        folder.save()
        for item in todo:
            number = done[item.sample.id].attempt + 1 if item.sample.id in done else 1
            yield _import_one(task.name, item, folder, name, hashes[item.sample.id], number)


def _import_one(
    task: str, item: ImportedExchange, folder: RunFolder, name: str, sha256: str, number: int
) -> Attempt:
    aside = folder.aside / item.sample.id
    reason, notes, audio_s = item.sample.problem, item.sample.notes, 0.0
    recording: Path | None = None
    if not reason:
        try:
            more, audio_s = _write(task, item, aside, name, settings_sha256(folder.file.config))
            # The task may have looked at the same file.
            notes, recording = tuple(dict.fromkeys((*notes, *more))), aside
        except BadSampleError as error:
            reason = str(error)
    attempt = Attempt(
        sample=item.sample.id,
        subset=item.sample.subset,
        attempt=number,
        outcome=Outcome.INVALID if reason else Outcome.VALID,
        reason=reason,
        notes=notes,
        audio_s=round(audio_s, 6),
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        sample_sha256=sha256,
    )
    folder.commit(attempt, recording)
    return attempt


def _write(
    task: str, item: ImportedExchange, aside: Path, name: str, config: str
) -> tuple[tuple[str, ...], float]:
    """Write the recording, as long as the model's file, the session's clock; gives remarks and seconds.

    Both files are read a block at a time: a small one can hold hours.
    """
    if item.model_audio is None:
        raise BadSampleError(f"{item.sample.id}: the model's audio is missing")
    (turn,) = item.sample.script.turns
    if isinstance(turn.audio, Waveform):
        raise BadSampleError(f"{item.sample.id}: the user's audio must be a file")
    user, model = probe(turn.audio), probe(item.model_audio)
    notes = tuple(f"{item.model_audio.name}: {note}" for note in model.notes)
    if abs(user.duration_s - model.duration_s) > SHORTER_NOTE_S:
        notes += (
            f"{item.model_audio.name} lasts {model.duration_s:.2f} s, "
            f"{turn.audio.name} {user.duration_s:.2f} s; the former counts",
        )
    rate = max(user.rate, model.rate)
    opened = ev.SessionOpened(
        schema=ev.SCHEMA, task=task, sample=item.sample.id, adapter=name, tick_ns=0, seed=0, rate=rate,
        audio_in=0, audio_out=model.rate,
    )  # fmt: skip
    with (
        ClipReader(item.model_audio, rate) as heard,
        ClipReader(turn.audio, rate) as said,
        RecordingWriter(aside, opened, clock="imported", compute="none", config=config) as writer,
    ):
        end_ns = heard.length * NS // rate
        onset = _write_tracks(writer, heard, said)
        onset_ns = None if onset is None else onset * NS // rate
        writer.event(ev.UserTurnStarted(0, round(user.duration_s * NS), 0, turn.label, "At"))
        writer.event(ev.ModelAudio(0, 0, end_ns, onset_ns))
        if item.words is not None:
            words = tuple(ev.ImportedWord(w.text, w.start_s, w.end_s) for w in item.words)
            writer.event(ev.ImportedTranscript(words))
        for note in notes:
            writer.event(ev.Note(note))
        writer.event(ev.SessionClosed(end_ns, "imported"))
        writer.close()
    sync_contents(aside)
    return notes, model.duration_s


def _write_tracks(writer: RecordingWriter, heard: ClipReader, said: ClipReader) -> int | None:
    """Write both tracks, as long as what is heard; gives its first sample that sounds, None for silence."""
    onset: int | None = None
    while len(block := heard.read(_BLOCK)):
        if onset is None and block.any():
            onset = writer.model.samples + int(np.flatnonzero(block)[0])
        user = said.read(len(block))
        writer.model.write(block)
        writer.user.write(np.pad(user, (0, len(block) - len(user))))
    while len(said.read(_BLOCK)):
        pass  # what is not used may be damaged all the same
    return onset
