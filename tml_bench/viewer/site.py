"""What stands at the addresses of the viewer, for its server and its export.

The addresses are those of `tml_bench.viewer.index_schema`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import msgspec

from tml_bench.errors import UserError
from tml_bench.recording import Recording
from tml_bench.viewer.event_pages import event_page
from tml_bench.viewer.happened import session_log
from tml_bench.viewer.index import sample_index
from tml_bench.viewer.run_files import SAFE_PART, ViewedAttempt, ViewedRun
from tml_bench.viewer.run_samples import SampleShelf
from tml_bench.viewer.sample_document import sample_document
from tml_bench.viewer.tracks import LARGEST_TEXT, SIDES, TrackForm
from tml_bench.viewer.videos import MEDIA_TYPES, video_file

_TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml",
    ".png": "image/png", ".woff2": "font/woff2", ".flac": "audio/flac", ".ogg": "audio/ogg", **MEDIA_TYPES,
}  # fmt: skip
_OTHER = "text/plain; charset=utf-8"
_NUMBER = len(str(10**9))


class SiteContent(NamedTuple):
    """What stands at an address: its media type, and the bytes or the file that holds them."""

    type: str
    body: bytes | Path


class ViewerSite:
    """Gives what stands at an address; documents are made when they are asked for, and read nothing but runs.

    Safe to be asked by several threads. ``task_files`` as in `SampleShelf`; ``tracks`` is how audio is given.
    """

    def __init__(
        self, runs: Sequence[ViewedRun], *, task_files: bool = False, tracks: TrackForm = TrackForm.FLAC
    ) -> None:
        self._tracks = tracks
        self._runs = {run.key: run for run in runs}
        self._shelf = SampleShelf(task_files=task_files)
        self._static = dict(_static_files())
        self._lock = threading.Lock()
        self._attempts: dict[str, tuple[object, tuple[ViewedAttempt, ...]]] = {}
        self._index: tuple[object, bytes] = (None, b"")

    def content(self, address: str) -> SiteContent | None:
        """What stands at an address, relative to the page and not percent-encoded; None for nothing.

        Raises:
            UserError: a file of the run is malformed.
        """
        parts = (address or "index.html").split("/")
        if not all(map(SAFE_PART.fullmatch, parts)):
            return None
        match parts:
            case ["data", *rest] if parts[-1].endswith((".json", ".js")):
                name, _, ending = rest[-1].rpartition(".")
                document = self._document([*rest[:-1], name])
                return None if document is None else _wrapped("/".join(["data", *rest]), ending, document)
            case ["audio", run, n, track] if track in self._tracks.names:
                folder = self._recording(run, n)
                return (
                    None if folder is None else SiteContent(_type_of(track), self._tracks.of(folder, track))
                )
            case ["video", run, n, k]:
                return self._video(run, n, k)
            case _:
                found = self._static.get("/".join(parts))
                return None if found is None else SiteContent(_type_of(parts[-1]), found)

    def addresses(self) -> Iterator[str]:
        """All there is: pages, then documents (with the ending ``.json``) and what they name, run by run."""
        yield from self._static
        yield "data/index.json"
        for run in self._runs.values():
            for n in range(len(self._tried(run))):
                yield f"data/samples/{run.key}/{n}.json"
                place = f"{run.key}/{n}"
                folder = self._recording(run.key, str(n))
                if folder is None:
                    continue
                first = event_page(folder / "session.jsonl", 0)
                yield from (f"data/events/{place}/{k}.json" for k in range(first.pages if first else 0))
                yield from (f"audio/{place}/{track}" for track in self._tracks.names)
                yield from (
                    f"data/tracks/{place}/{side}.js"
                    for side in SIDES
                    if (folder / f"{side}.flac").stat().st_size <= LARGEST_TEXT
                )
                yield from (f"video/{place}/{k}" for k in range(_videos(folder)))

    def _document(self, parts: Sequence[str]) -> bytes | None:
        match parts:
            case ["index"]:
                return self._list()
            case ["samples", run, n]:
                found = self._sample(run, n)
                if found is None:
                    return None
                return msgspec.json.encode(
                    sample_document(self._runs[run], int(n), found, self._shelf, self._tracks)
                )
            case ["events", run, n, page]:
                folder, number = self._recording(run, n), _number(page)
                if folder is None or number is None:
                    return None
                events = event_page(folder / "session.jsonl", number)
                return None if events is None else msgspec.json.encode(events)
            case ["tracks", run, n, side] if side in SIDES:
                folder = self._recording(run, n)
                return None if folder is None else self._tracks.text(folder, f"{side}.{self._tracks}")
            case _:
                return None

    def _list(self) -> bytes:
        """The index, made anew where a run has changed."""
        runs = tuple(self._runs.values())
        stamp = tuple(run.stamps() for run in runs)
        with self._lock:
            if self._index[0] != stamp:
                self._index = stamp, msgspec.json.encode(sample_index(runs))
            return self._index[1]

    def _tried(self, run: ViewedRun) -> tuple[ViewedAttempt, ...]:
        stamp = run.stamps()
        with self._lock:
            known = self._attempts.get(run.key)
            if known is None or known[0] != stamp:
                known = self._attempts[run.key] = stamp, run.attempts()
            return known[1]

    def _sample(self, run: str, n: str) -> ViewedAttempt | None:
        number = _number(n)
        if run not in self._runs or number is None:
            return None
        tried = self._tried(self._runs[run])
        return tried[number] if number < len(tried) else None

    def _recording(self, run: str, n: str) -> Path | None:
        found = self._sample(run, n)
        return None if found is None else self._runs[run].recording(found.last)

    def _video(self, run: str, n: str, k: str) -> SiteContent | None:
        sample, folder, number = self._sample(run, n), self._recording(run, n), _number(k)
        if sample is None or folder is None or number is None:
            return None
        played = session_log(Recording(folder, verify=False).events()).videos
        if number >= len(played):
            return None
        found = video_file(self._shelf.expected(self._runs[run], sample.last).sample, played[number])
        return None if found is None else SiteContent(_type_of(found.name), found)


def _videos(folder: Path) -> int:
    try:
        return len(session_log(Recording(folder, verify=False).events()).videos)
    except UserError:  # the sample's document says what is wrong with it
        return 0


def _number(text: str) -> int | None:
    """A number of an address, as it is written there and in no other way."""
    return int(text) if text.isascii() and text.isdigit() and str(int(text[:_NUMBER])) == text else None


def _wrapped(address: str, ending: str, document: bytes) -> SiteContent:
    name = address.removesuffix(f".{ending}")
    if ending == "js":
        document = b"tml_bench_document(" + msgspec.json.encode(name) + b"," + document + b");\n"
    return SiteContent(_TYPES[f".{ending}"], document)


def _type_of(name: str) -> str:
    return _TYPES.get(Path(name).suffix.lower(), _OTHER)


def _static_files() -> Iterator[tuple[str, bytes]]:
    """The page's own files by their addresses."""
    yield from _files_in(resources.files("tml_bench.viewer") / "static", "")


def _files_in(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for child in sorted(folder.iterdir(), key=lambda one: one.name):
        if not SAFE_PART.fullmatch(child.name):
            continue
        if child.is_dir():
            yield from _files_in(child, f"{prefix}{child.name}/")
        else:
            yield f"{prefix}{child.name}", child.read_bytes()
