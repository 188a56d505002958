"""The viewer's server: what it gives, and above all what it does not; the export."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, strategies as st
from viewer_runs import EVIL, TURN_TAKING, VIDEO, attempt, golden, live_recording, made_run

from tml_bench.cli import main
from tml_bench.errors import UserError
from tml_bench.viewer.export import MARKER, export_site
from tml_bench.viewer.run_files import inside, open_viewed
from tml_bench.viewer.server import LOOPBACK, ViewerServer, byte_range
from tml_bench.viewer.site import ViewerSite

SAMPLE = f"data/samples/{TURN_TAKING}/0.json"
TRACK = f"audio/{TURN_TAKING}/0/user.flac"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stored runs."""
    folder = tmp_path_factory.mktemp("viewed")
    golden(folder)
    golden(folder, VIDEO)
    return folder / "results"


@pytest.fixture(scope="module")
def server(results: Path) -> Iterator[ViewerServer]:
    with served(results) as running:
        yield running


@contextmanager
def served(*paths: Path) -> Iterator[ViewerServer]:
    """A server that runs in a thread of its own."""
    with ViewerServer(ViewerSite(open_viewed(paths))) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(
    server: ViewerServer, address: str, method: str = "GET", token: str = "", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer."""
    connection = http.client.HTTPConnection(LOOPBACK, server.server_port, timeout=20)
    try:
        connection.request(method, f"/{token or server.token}/{address}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
    finally:
        connection.close()


def test_it_listens_on_the_loopback_interface_alone(server: ViewerServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", server.url)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("core.js", "text/javascript; charset=utf-8"),
        ("data/index.json", "application/json"),
        (SAMPLE, "application/json"),
        (f"data/events/{VIDEO}/0/0.json", "application/json"),
        (f"data/samples/{VIDEO}/0.js", "text/javascript; charset=utf-8"),
        (f"audio/{VIDEO}/0/model.flac", "audio/flac"),
        (f"video/{VIDEO}/0/0", "video/mp4"),
    ],
)
def test_what_it_gives(server: ViewerServer, address: str, kind: str) -> None:
    status, body, headers = ask(server, address)
    assert (status, headers["content-type"], bool(body)) == (200, kind, True)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_script_holds_the_document_of_the_same_name(server: ViewerServer) -> None:
    script = ask(server, "data/index.js")[1].decode()
    document = ask(server, "data/index.json")[1].decode()
    assert script == f'tml_bench_document("data/index",{document});\n'
    assert json.loads(document)["columns"]["sample"]


@pytest.mark.parametrize(
    "address",
    [
        "../run.json", "%2e%2e/run.json", "data/../../run.json", "audio/..%2f..%2f/0/user.flac",
        f"audio/{TURN_TAKING}/0/manifest.json", f"audio/{TURN_TAKING}/0/..%2fuser.flac", "//etc/passwd",
        f"audio/{TURN_TAKING}/1/user.flac", f"audio/{TURN_TAKING}/-1/user.flac",
        f"audio/{TURN_TAKING}/00/user.flac", f"data/samples/{TURN_TAKING}/%EF%BC%90.json",
        f"data/samples/{TURN_TAKING}/{'9' * 5000}.json", f"data/events/{TURN_TAKING}/0/99.json",
        f"video/{TURN_TAKING}/0/0", f"video/{VIDEO}/0/1", "data/samples/none/0.json", "data/x.json",
        "data/index.html", "static/index.html", "../static/index.html", "core.js%00", "core.js/", ".hidden",
        f"{TURN_TAKING}/run.json", "%ff%fe", "data\\index.json",
    ],
)  # fmt: skip
def test_nothing_else_is_there(server: ViewerServer, address: str) -> None:
    assert ask(server, address)[0] == 404


PARTS = st.one_of(
    st.sampled_from(
        ["..", ".", "", "data", "audio", "video", "samples", "events", "index.json", "user.flac", "0",
         "0.json", TURN_TAKING, VIDEO, "run.json", "%2e%2e", "\\", "~", "manifest.json", "session.jsonl",
         "static"]
    ),
    st.text(max_size=12),
)  # fmt: skip


@given(parts=st.lists(PARTS, max_size=6))
def test_no_address_gives_a_file_but_tracks_and_videos(results: Path, parts: list[str]) -> None:
    found = _site(results).content("/".join(parts))
    if found is not None and isinstance(found.body, Path):
        assert parts[0] in ("audio", "video")
        assert found.body.suffix in (".flac", ".mp4")


@cache
def _site(results: Path) -> ViewerSite:
    return ViewerSite(open_viewed([results]))


def test_without_the_token_there_is_nothing(server: ViewerServer) -> None:
    for token in ("x", server.token[:-1], server.token + "x", "%C3%A9", "data"):
        status, body, _ = ask(server, "data/index.json", token=token)
        assert status == 404
        assert server.token.encode() not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "", "localhost"]
)
def test_another_host_s_name_is_refused(server: ViewerServer, host: str) -> None:
    assert ask(server, "data/index.json", Host=host)[0] == 403


def test_localhost_is_the_same_host(server: ViewerServer) -> None:
    assert ask(server, "", Host=f"localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "X"])
def test_it_answers_get_alone(server: ViewerServer, method: str) -> None:
    assert ask(server, "", method)[0] == 405


def test_a_fault_is_told_in_the_terminal_without_what_it_would_obey_and_without_secrets(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(site: ViewerSite, address: str) -> None:
        raise RuntimeError("\x1b[2J sk-abcdefghijklmnopqrstuvwx")

    with served(results) as running:
        monkeypatch.setattr(ViewerSite, "content", fails)
        status, body, _ = ask(running, "data/index.json")
    said = capsys.readouterr().err
    assert (status, b"the terminal says how" in body) == (500, True)
    assert "RuntimeError" in said
    assert "\x1b" not in said
    assert "abcdefghij" not in said


def test_parts_of_a_track_are_given(server: ViewerServer, results: Path) -> None:
    whole = (results / TURN_TAKING / "fd-bench-v1/candor_turn_taking-1/1/user.flac").read_bytes()
    assert ask(server, TRACK)[1] == whole
    status, body, headers = ask(server, TRACK, Range="bytes=10-19")
    assert (status, body) == (206, whole[10:20])
    assert headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert ask(server, TRACK, Range="bytes=-5")[1] == whole[-5:]
    status, _, headers = ask(server, TRACK, Range=f"bytes={len(whole)}-")
    assert (status, headers["content-range"]) == (416, f"bytes */{len(whole)}")


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-", (0, 10)), ("bytes=2-3", (2, 4)), ("bytes=2-99", (2, 10)), ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)), ("bytes=10-", None), ("bytes=4-3", None), ("bytes=-0", None),
        ("bytes=-", None), ("bytes=0-1,3-4", None), ("items=0-1", None), ("bytes=a-b", None),
        ("bytes=٣-", None), ("", None),
        (f"bytes={'9' * 5000}-", None),
    ],
)  # fmt: skip
def test_ranges(header: str, part: tuple[int, int] | None) -> None:
    assert byte_range(header, 10) == part


def test_nothing_outside_the_runs_is_given_by_a_link(tmp_path: Path) -> None:
    """A track, a recording, a score and a whole run that are links to elsewhere are not there."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "model.flac").write_text("secret")
    results = tmp_path / "results"
    one = golden(tmp_path)
    track = one / "fd-bench-v1/candor_turn_taking-1/1/model.flac"
    track.unlink()
    track.symlink_to(secret / "model.flac")
    (one / "scores.jsonl").unlink()
    (one / "scores.jsonl").symlink_to(secret / "model.flac")
    two = made_run(results / "two", [attempt("one")])
    live_recording(made_run(secret / "run", [attempt("one")]))
    (two / "nowhere").symlink_to(secret / "run" / "nowhere")
    (results / "three").symlink_to(secret / "run")
    with served(results) as running:
        assert [run["run"] for run in json.loads(ask(running, "data/index.json")[1])["runs"]] == [
            TURN_TAKING,
            "two",
        ]
        for run in (TURN_TAKING, "two"):
            assert ask(running, f"audio/{run}/0/model.flac")[0] == 404
            status, body, _ = ask(running, f"data/samples/{run}/0.json")
            assert status == 200
            assert b"secret" not in body
            assert json.loads(body)["remarks"][0] == "there is no recording"


def test_names_in_a_run_s_own_files_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for sample in ("../out", "..", "/etc", "a/b", "", ".aside"):
        assert inside(tmp_path / "results", sample) is None
    run = made_run(tmp_path / "results" / "r", [attempt("../../../out"), attempt(EVIL)])
    with served(run) as running:
        for n in (0, 1):
            assert ask(running, f"data/samples/r/{n}.json")[0] == 200
            assert ask(running, f"audio/r/{n}/user.flac")[0] == 404


def test_a_video_that_is_not_the_one_played_is_not_given(tmp_path: Path) -> None:
    run = golden(tmp_path, VIDEO)
    log = next(run.rglob("session.jsonl"))
    log.write_text(re.sub(r'"sha256":"[0-9a-f]{4}', '"sha256":"0000', log.read_text()))
    with served(run) as running:
        assert ask(running, f"video/{VIDEO}/0/0")[0] == 404
        found = json.loads(ask(running, f"data/samples/{VIDEO}/0.json")[1])
    assert found["videos"][0]["address"] == ""


def test_a_port_that_is_taken_is_told(server: ViewerServer, results: Path) -> None:
    with pytest.raises(UserError, match=f"port {server.server_port}"):
        ViewerServer(ViewerSite(open_viewed([results])), server.server_port)


def test_a_malformed_run_is_told(tmp_path: Path) -> None:
    run = golden(tmp_path)
    (run / "attempts.jsonl").write_text("{}\n")
    with served(run) as running:
        status, body, _ = ask(running, SAMPLE)
        assert status == 500
        assert b"attempts.jsonl, line 1" in body
        assert "attempts.jsonl" in json.loads(ask(running, "data/index.json")[1])["runs"][0]["problem"]


def test_the_command_serves_until_it_is_interrupted(results: Path) -> None:
    # What a shell started in the background ignores interruptions, and so do its children.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from tml_bench.cli import main; sys.argv = ['tml-bench', *sys.argv[1:]]; main()"
    )
    command = [sys.executable, "-c", code, "view", str(results), "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/(.*)/", address).groups()  # type: ignore[union-attr]
        connection = http.client.HTTPConnection(LOOPBACK, int(port), timeout=20)
        connection.request("GET", f"/{token}/data/index.json")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(2)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_an_export_holds_the_same_documents(results: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages"
    result = CliRunner().invoke(main, ["view", str(results), "--export", str(out)])
    assert result.exit_code == 0, result.output
    site = ViewerSite(open_viewed([results]))
    for address in ("index.html", "data/index.js", "data/index.json", SAMPLE, TRACK, f"video/{VIDEO}/0/0"):
        found = site.content(address)
        assert found is not None
        body = found.body if isinstance(found.body, bytes) else found.body.read_bytes()
        assert (out / address).read_bytes() == body, address
    assert (out / "data/events" / TURN_TAKING / "0/0.js").is_file()
    assert not any(path.is_symlink() for path in out.rglob("*"))


def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path) -> None:
    run, out = golden(tmp_path), tmp_path / "pages"
    site = ViewerSite(open_viewed([run]))
    assert list(export_site(site, out))
    (out / "mine.txt").write_text("kept")
    (out / "data/index.js").write_text("old")
    marker = json.loads((out / MARKER).read_text())
    outside = tmp_path / "outside.txt"
    outside.write_text("kept")
    marker["files"] += ["../outside.txt", str(outside)]
    (out / MARKER).write_text(json.dumps(marker))
    assert list(export_site(site, out))
    assert (out / "mine.txt").read_text() == "kept"
    assert (out / "data/index.js").read_text() != "old"
    assert outside.read_text() == "kept"


@pytest.mark.parametrize("written", [0, 1, 12])
def test_an_export_that_was_killed_can_be_given_again(tmp_path: Path, written: int) -> None:
    site, one = ViewerSite(open_viewed([golden(tmp_path)])), tmp_path / "one"
    assert list(export_site(site, one))
    before = {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
    out = tmp_path / "out"
    out.mkdir()
    (out / f".{MARKER}.{2**22 + 1}-1").touch()  # no process has this number
    list(zip(range(written), export_site(site, out), strict=False))  # and then it is killed
    assert list(export_site(site, out))
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert not any(path.is_dir() and not any(path.iterdir()) for path in out.rglob("*"))


@pytest.mark.parametrize("name", ["a.txt", "index.html"])
def test_what_is_no_export_is_not_written_to(tmp_path: Path, name: str) -> None:
    out = tmp_path / "pages"
    out.mkdir()
    (out / name).write_text("mine")
    with pytest.raises(UserError, match="holds no export"):
        list(export_site(ViewerSite(open_viewed([golden(tmp_path)])), out))
    assert sorted(path.name for path in out.iterdir()) == [name]


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["view", str(tmp_path), "--no-browser"])
    assert result.exit_code == 2
    assert "holds no run" in result.output
