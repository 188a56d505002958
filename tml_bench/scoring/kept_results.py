"""Results that an earlier command left in a run's folder, taken where all that they come from is the same.

What rules decide hangs on what was heard and how sessions ended, on the samples, the code, the settings of
the run, and prices. ``.scored/RUN.json`` in the folder of the runs has a hash of all that, and of the run's
``seals.json``, in which the hashes of the results stand. Where both are the same, each result is as it was
written, and the run is not scored again. It is a cache, and can be deleted. Where ``seals.json`` is another
file, as in a run that was copied, the run is scored: results that come from elsewhere are never taken.

Nothing is kept of what another judge decides, of a task from elsewhere, whose code is not known, nor where a
task raised something, which may pass.
"""

import hashlib
from contextlib import suppress
from itertools import chain
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError
from tml_bench.files import FileState, file_sha256, file_state, remove_left_aside, write_atomically
from tml_bench.own_folder import own_place
from tml_bench.pricing.table import PriceTable
from tml_bench.runs.identity import left_out
from tml_bench.runs.known_code import code_of
from tml_bench.runs.store import ATTEMPTS
from tml_bench.scoring.judging import TRACEBACKS
from tml_bench.scoring.packed import PackedMap
from tml_bench.scoring.result_seals import SEALS, ResultSeals
from tml_bench.scoring.summary import Summary
from tml_bench.scoring.summary_file import SUMMARY, stored_summaries, with_agreement
from tml_bench.scoring.timelines import RunTimelines
from tml_bench.scoring.transcript_check import TranscriptCheck
from tml_bench.scoring.user_faults import USER_FAULTS
from tml_bench.seals import seal_holds, sealed

FOLDER = ".scored"
"""Beside the runs."""
Check = TranscriptCheck | msgspec.UnsetType


class _Kept(msgspec.Struct, frozen=True):
    """What results were made of, and ``seals.json`` beside them: its SHA-256, and what file it is."""

    key: str
    seals_sha256: str
    seals: FileState


class KeptResults:
    """Results by rules of runs; ``prices`` are those of models."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._keys: dict[Path, str] = {}

    def of(self, heard: RunTimelines, check: Check) -> Summary | None:
        """The summary of a run that was scored from just this before; None where it has to be scored.

        ``check`` is how far its transcripts are from its audio. Raises `UserError` where what is known of its
        judge's agreement is malformed.
        """
        run = heard.run.path
        # As it was before anything is read for scores: what comes meanwhile is another key the next time.
        key = self._keys[run] = self._key(heard, check)
        seals = _whole(run, key) if key else None
        if seals is None:
            return None
        try:
            (found,) = stored_summaries(run)
        except (OSError, ValueError, UserError):
            return None
        # Another command may have scored it otherwise while it was read.
        return with_agreement(found, run) if file_state(run / SEALS) == seals else None

    def keep(self, run: Path, seals_sha256: str) -> None:
        """Keep what results were made of that have just been written, whose seals have this hash.

        Only of a run that ``of`` was asked about. Where nothing can be written there, it is scored each time.
        """
        if not (key := self._keys[run]) or (seals := file_state(run / SEALS)) is None:
            return
        with suppress(OSError, UserError):
            place = _place(run)
            place.parent.mkdir(exist_ok=True)
            own_place(place.parent.parent, FOLDER, place.name)
            remove_left_aside(place.parent, place.name)
            text = sealed(msgspec.json.encode(_Kept(key, seals_sha256, seals)))
            write_atomically(place, text, durable=False)

    def _key(self, heard: RunTimelines, check: Check) -> str:
        """Of all that a run's results hang on; empty where that is not known."""
        run, timelines, facts = heard.run, heard.timelines, heard.facts
        code, log = code_of(run.task, run.file.config), run.path / ATTEMPTS
        if not (code and isinstance(timelines, PackedMap) and isinstance(facts, PackedMap) and log.is_file()):
            return ""
        once = (
            code, self._prices, run.path.resolve().name, run.file, file_sha256(log), heard.faults,
            check or None, timelines.sha256(), facts.sha256(),
        )  # fmt: skip
        digest = hashlib.sha256()
        for part in chain(once, run.attempts.values(), heard.outcomes.items(), left_out(run.samples)):
            digest.update(msgspec.json.encode(part) + b"\n")
        return digest.hexdigest()


def _place(run: Path) -> Path:
    run = run.resolve()
    return run.parent / FOLDER / f"{run.name}.json"


def _whole(run: Path, key: str) -> FileState | None:
    """What file the seals are of results that were made of what ``key`` stands for; None where these are not.

    Of the summary it is looked where it is read whether it is as it was written, of all others here.
    """
    try:
        kept = read_whole(_place(run))
        known = msgspec.json.decode(kept, type=_Kept)
        if known.key != key or not seal_holds(kept) or known.seals != file_state(run / SEALS):
            return None
        content = read_whole(run / SEALS)
        if hashlib.sha256(content).hexdigest() != known.seals_sha256:
            return None
        hashes = msgspec.json.decode(content, type=ResultSeals).sha256
        for name, sha256 in hashes.items():
            if file_state(run / name) is None or (name != SUMMARY and file_sha256(run / name) != sha256):
                return None
    except (OSError, *UNREADABLE):
        return None
    unexpected = {TRACEBACKS, USER_FAULTS} - hashes.keys()
    return None if any((run / name).exists() for name in unexpected) else known.seals
