"""Results that an earlier command left in a run's folder, taken where all that they come from is the same.

What rules decide hangs on what was heard and how sessions ended, on the samples, the code, the settings of
the run, and prices. ``.scored/RUN.json`` in the folder of the runs has a hash of all that, and of the run's
``seals.json``, in which the hashes of the results stand. Where both are the same, each result is as it was
written, and the run is not scored again. It is a cache, and can be deleted. Where ``seals.json`` is another
file, as in a run that was copied, the run is scored: results that come from elsewhere are never taken.

It also has how the files looked that all this hangs on (`tml_bench.scoring.input_fingerprint`). Where they
look the same, what was heard is not read either, nor are samples loaded.

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
from tml_bench.runs.identity import unhashed_fields
from tml_bench.runs.known_code import code_of
from tml_bench.runs.store import ATTEMPTS, StoredRun, read_run
from tml_bench.scoring.input_fingerprint import InputFingerprints, ScoringSettings
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
OptionalCheck = TranscriptCheck | msgspec.UnsetType
"""How far a run's transcripts are from its audio; unset where that is not asked."""


class _Kept(msgspec.Struct, frozen=True):
    """What results were made of, and ``seals.json`` beside them: its SHA-256, and what file it is.

    ``fingerprint`` is how all that they come from looked (`tml_bench.scoring.input_fingerprint`), told the
    languages ``spoken``; empty where that is not known.
    """

    key: str
    seals_sha256: str
    seals: FileState
    fingerprint: str = ""
    spoken: tuple[tuple[str, ...], ...] = ()


def unchanged_results(run: Path, fingerprints: InputFingerprints) -> Summary | None:
    """The summary of a run of which nothing has been touched since it was scored; None where that may be.

    ``fingerprints`` tells how the files look now; neither data nor recordings are opened. Raises `UserError`
    where what is known of its judge's agreement is malformed.
    """
    kept = _kept(run)
    if kept is None or not kept.fingerprint:
        return None
    try:
        file = read_run(run)
    except UserError:
        return None
    return _summary(run, kept) if fingerprints.of(run, file, kept.spoken) == kept.fingerprint else None


class KeptResults:
    """Results by rules of runs.

    Args:
        settings: how they are scored.
        opened_ns: when the runs, and their data, began to be opened, ns after the epoch; 0 where that is not
            known.
    """

    def __init__(self, settings: ScoringSettings, opened_ns: int = 0) -> None:
        self._prices = settings.prices
        self._fingerprints = InputFingerprints(settings, opened_ns)
        self._keys: dict[Path, str] = {}

    def of(self, heard: RunTimelines, check: OptionalCheck) -> Summary | None:
        """The summary of a run that was scored from just this before; None where it has to be scored.

        ``check`` is how far its transcripts are from its audio. Raises `UserError` where what is known of its
        judge's agreement is malformed.
        """
        run = heard.run.path
        # As it was before anything is read for scores: what comes meanwhile is another key the next time.
        key = self._keys[run] = self._key(heard, check)
        kept = _kept(run) if key else None
        if kept is None or kept.key != key:
            return None
        found = _summary(run, kept)
        if found is not None and (now := self._looked_at(heard.run, kept)).fingerprint:
            _write(run, now)
        return found

    def keep(self, run: StoredRun, seals_sha256: str) -> None:
        """Keep what results were made of that have just been written, whose seals have this hash.

        Only of a run that ``of`` was asked about. Where nothing can be written there, it is scored each time.
        """
        if (key := self._keys[run.path]) and (seals := file_state(run.path / SEALS)) is not None:
            _write(run.path, self._looked_at(run, _Kept(key, seals_sha256, seals)))

    def _looked_at(self, run: StoredRun, kept: _Kept) -> _Kept:
        """The same with how everything looks now, if it is all older than when the runs were opened."""
        spoken = tuple(sorted({sample.languages for sample in run.samples}))
        looks = self._fingerprints.of(run.path, run.file, spoken)
        return msgspec.structs.replace(kept, fingerprint=looks, spoken=spoken)

    def _key(self, heard: RunTimelines, check: OptionalCheck) -> str:
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
        for part in chain(once, run.attempts.values(), heard.outcomes.items(), unhashed_fields(run.samples)):
            digest.update(msgspec.json.encode(part) + b"\n")
        return digest.hexdigest()


def _place(run: Path) -> Path:
    run = run.resolve()
    return run.parent / FOLDER / f"{run.name}.json"


def _write(run: Path, kept: _Kept) -> None:
    """Keep this of a run, unless it is what is kept."""
    if kept == _kept(run):
        return
    with suppress(OSError, UserError):
        place = _place(run)
        place.parent.mkdir(exist_ok=True)
        own_place(place.parent.parent, FOLDER, place.name)
        remove_left_aside(place.parent, place.name)
        write_atomically(place, sealed(msgspec.json.encode(kept)), durable=False)


def _kept(run: Path) -> _Kept | None:
    """What is kept of a run's results, as it was written."""
    try:
        content = read_whole(_place(run))
        found = msgspec.json.decode(content, type=_Kept)
    except (OSError, *UNREADABLE):
        return None
    return found if seal_holds(content) else None


def _summary(run: Path, kept: _Kept) -> Summary | None:
    """The summary of a run, where its results are those that something is kept of, and all as written."""
    if not _are_whole(run, kept):
        return None
    try:
        (found,) = stored_summaries(run)
    except (OSError, ValueError, UserError):
        return None
    # Another command may have scored it otherwise while it was read.
    return with_agreement(found, run) if file_state(run / SEALS) == kept.seals else None


def _are_whole(run: Path, kept: _Kept) -> bool:
    """Whether all results are as they were written; at the summary it is looked where it is read."""
    try:
        if kept.seals != file_state(run / SEALS):
            return False
        content = read_whole(run / SEALS)
        if hashlib.sha256(content).hexdigest() != kept.seals_sha256:
            return False
        hashes = msgspec.json.decode(content, type=ResultSeals).sha256
        for name, sha256 in hashes.items():
            if file_state(run / name) is None or (name != SUMMARY and file_sha256(run / name) != sha256):
                return False
    except (OSError, *UNREADABLE):
        return False
    unexpected = {TRACEBACKS, USER_FAULTS} - hashes.keys()
    return not any((run / name).exists() for name in unexpected)
