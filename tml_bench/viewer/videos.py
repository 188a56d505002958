"""The videos of a sample: they lie with the data, and are shown only if they are those that were played."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tml_bench.events import UserVideoStarted
from tml_bench.files import file_sha256
from tml_bench.samples import Sample
from tml_bench.timebase import seconds
from tml_bench.viewer.run_files import ViewedRun
from tml_bench.viewer.sample_schema import ViewedText, ViewedVideo

MEDIA_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".webm": "video/webm",
    ".mkv": "video/x-matroska", ".avi": "video/x-msvideo", ".ogv": "video/ogg",
}  # fmt: skip
"""By the endings of files that are taken for videos."""


def video_file(sample: Sample | None, played: UserVideoStarted) -> Path | None:
    """The file of a video that was played; None where it is not there, or not the one any more.

    It lies outside the run, and a run's own texts say where its data is: a file whose SHA-256 is not the
    one recorded is never shown, so a run can only show what whoever made it had.
    """
    videos = sample.script.videos if sample else ()
    if not 0 <= played.video < len(videos):
        return None
    path = videos[played.video].path.resolve()
    if path.suffix.lower() not in MEDIA_TYPES or not path.is_file():
        return None
    stat = path.stat()
    return path if _sha256(path, stat.st_size, stat.st_mtime_ns) == played.sha256 else None


@lru_cache(maxsize=4096)
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Hash of a file of such size, last changed then."""
    return file_sha256(path)


def viewed_video(run: ViewedRun, n: int, sample: Sample | None, played: UserVideoStarted) -> ViewedVideo:
    """A video as the page gets it; its address is empty where `video_file` gives none."""
    start_s = seconds(played.t_ns)
    own = sample.script.videos if sample else ()
    lines = own[played.video].subtitles if 0 <= played.video < len(own) else ()
    return ViewedVideo(
        address=f"video/{run.key}/{n}/{played.video}" if video_file(sample, played) else "",
        name=played.name,
        start_s=start_s,
        end_s=seconds(played.end_ns),
        after=played.after,
        sound=played.sound,
        width=played.width,
        height=played.height,
        subtitles=tuple(
            ViewedText(line.text, start_s + line.start_s, start_s + line.end_s) for line in lines
        ),
    )
