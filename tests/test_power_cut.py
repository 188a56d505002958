"""A power cut between any two writes: what a run reported as done is there, and it can be continued.

`Disk` stands for a disk that keeps nothing but what was synced: of a file its content then, of a folder its
entries then. The other kind of disk keeps every entry at once, and of files what was synced.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from fakes import Scripted, run_session, sample_of, tone
from test_runs_store import FILE, as_it_is, attempt

from tml_bench.adapter import Output
from tml_bench.files import sync_contents
from tml_bench.recording import Recording
from tml_bench.runs.removal import start_over
from tml_bench.runs.store import Attempt, RunFolder, read_lines
from tml_bench.session.settings import Settings

Entries = dict[str, tuple[int, bool]]


class Disk:
    """Remembers what is durable after each sync of anything below a folder."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.synced: dict[int, bytes | Entries] = {root.stat().st_ino: entries(root)}
        self.cuts: list[tuple[dict[int, bytes | Entries], dict[int, Entries]]] = []
        self._held: list[int] = []  # so that no inode's number is used twice
        patch.setattr(os, "fsync", self._fsync)
        for name in ("replace", "rename", "mkdir", "rmdir", "unlink"):
            patch.setattr(os, name, self._cutting(getattr(os, name)))

    def _cutting(self, act):  # type: ignore[no-untyped-def]
        def acted(*given: object, **named: object) -> object:
            self.cut()
            return act(*given, **named)

        return acted

    def _fsync(self, handle: int) -> None:
        place, found = Path(f"/proc/self/fd/{handle}"), os.fstat(handle)
        self._held.append(os.dup(handle))
        folder = stat.S_ISDIR(found.st_mode)
        self.synced[found.st_ino] = entries(place.resolve()) if folder else place.read_bytes()
        self.cut()

    def cut(self) -> None:
        """The power may be cut here."""
        folders = [self.root, *(path for path in self.root.rglob("*") if path.is_dir())]
        self.cuts.append(({**self.synced}, {path.stat().st_ino: entries(path) for path in folders}))

    def after(self, cut: int, place: Path, *, entries_kept: bool) -> Path:
        """What is found once the power is back."""
        synced, now = self.cuts[cut]

        def restore(inode: int, folder: Path) -> None:
            folder.mkdir()
            known = now.get(inode, {}) if entries_kept else synced.get(inode, {})
            assert isinstance(known, dict)
            for name, (inner, is_folder) in known.items():
                if is_folder:
                    restore(inner, folder / name)
                else:
                    content = synced.get(inner, b"")
                    assert isinstance(content, bytes)
                    (folder / name).write_bytes(content)

        restore(self.root.stat().st_ino, place)
        return place

    def close(self) -> None:
        for handle in self._held:
            os.close(handle)


def entries(folder: Path) -> Entries:
    with os.scandir(folder) as found:
        return {entry.name: (entry.inode(), entry.is_dir(follow_symlinks=False)) for entry in found}


@pytest.mark.parametrize("entries_kept", [False, True])
def test_what_is_done_outlives_a_power_cut(tmp_path: Path, entries_kept: bool) -> None:
    results = tmp_path / "results"
    results.mkdir()
    done: list[tuple[int, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(results, patch)
        with RunFolder(results / "run", FILE, as_it_is) as folder:
            for name in ("a", "b"):
                outputs = {0: Output(tone(0.2))}
                place = run_session(folder.aside / name, sample_of(), Scripted(outputs), Settings())
                sync_contents(place.recording.folder)  # as a worker does
                folder.commit(attempt(name), place.recording.folder, "a traceback" * (name == "b"))
                done.append((len(disk.cuts), name))
        disk.cut()
    for cut in range(len(disk.cuts)):
        found = disk.after(cut, tmp_path / f"after-{cut}", entries_kept=entries_kept) / "run"
        there = {a.sample for a in read_lines(found / "attempts.jsonl", Attempt)}
        assert there >= {name for at, name in done if at <= cut}
        for name in there:
            Recording(found / "t" / name / "1").audio()
        with RunFolder(found, FILE, as_it_is) as again:
            assert {a.sample for a in again.attempts} == there
    disk.close()
    assert len(disk.cuts) > 40


@pytest.mark.parametrize("entries_kept", [False, True])
def test_a_removal_that_is_cut_off_leaves_what_can_be_removed(tmp_path: Path, entries_kept: bool) -> None:
    results = tmp_path / "results"
    results.mkdir()
    with RunFolder(results / "run", FILE, as_it_is) as folder:
        place = run_session(folder.aside / "a", sample_of(), Scripted({}), Settings()).recording.folder
        folder.commit(attempt("a"), place)
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(results, patch)
        for path in [results, *results.rglob("*")]:
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        start_over(results / "run")
    for cut in range(len(list(results.parent.rglob("*"))), len(disk.cuts)):
        found = disk.after(cut, tmp_path / f"after-{cut}", entries_kept=entries_kept) / "run"
        if found.exists():
            start_over(found)
            with RunFolder(found, FILE, as_it_is) as again:
                assert again.attempts == []
    disk.close()
    assert not (results / "run").exists()
