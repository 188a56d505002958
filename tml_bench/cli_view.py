"""The command that shows samples: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tml_bench.cli_judge import PATH
from tml_bench.cli_place import PLACE
from tml_bench.terminal_text import say

if TYPE_CHECKING:
    from tml_bench.viewer.site import ViewerSite


@click.command()
@click.argument("runs", nargs=-1, type=PLACE)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on. [default: any]")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page in a browser.")
@click.option("--export", "export", type=PATH, help="Write the pages to this folder instead of serving them.")
@click.option(
    "--opus", is_flag=True, help="Export audio as Opus, a tenth of the size: to be shown, not to be scored."
)
@click.option("--sample", "samples", multiple=True, help="Only this sample; repeatable.")
@click.option(
    "--task-files", is_flag=True,
    help="Run the code of tasks that runs name as FILE.py:CLASS, to show what was expected.",
)  # fmt: skip
def view(
    runs: tuple[str | Path, ...], port: int, browser: bool, export: Path | None, opus: bool,
    samples: tuple[str, ...], task_files: bool,
) -> None:  # fmt: skip
    """See and hear every sample of runs: a list, worst first, then both sides on one time axis.

    RUNS are folders of runs, folders that hold such, or such addresses of shared storage; without any,
    results. The page is served on this
    machine alone, until Ctrl-C; --export writes it to files that a browser opens from a disk.

    \b
    tml-bench view
    tml-bench view results/fd-bench-v1-mini-1--silent results/fd-bench-v1-mini-1--delayed-700
    tml-bench view results --no-browser --port 8800
    tml-bench view s3://bucket/results
    tml-bench view results/RUN --export pages
    tml-bench view results/RUN --export pages --opus --sample cs-count-003 --sample cs-fact-001
    """
    from tml_bench.storage.shared_place import FOR_READERS, local_place
    from tml_bench.viewer.run_files import open_viewed
    from tml_bench.viewer.site import ViewerSite
    from tml_bench.viewer.tracks import TrackForm

    tracks = TrackForm.OPUS if opus else TrackForm.FLAC
    folders = [Path(local_place(run, FOR_READERS)) for run in runs]
    viewed = open_viewed(folders or [Path("results")], samples)
    site = ViewerSite(viewed, task_files=task_files, tracks=tracks)
    if export is None:
        _serve(site, port, browser)
        return
    from tml_bench.viewer.export import export_site

    count = sum(1 for _ in export_site(site, export))
    say(f"{count} files; open {export / 'index.html'}")


def _serve(site: ViewerSite, port: int, browser: bool) -> None:
    import threading
    import webbrowser

    from tml_bench.viewer.server import ViewerServer

    with ViewerServer(site, port) as server:
        # The list is made while the browser starts.
        threading.Thread(target=site.content, args=("data/index.json",), daemon=True).start()
        say(f"{server.url}\nCtrl-C ends it")
        if browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("\nended")
