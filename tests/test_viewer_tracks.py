"""Tracks as text, by which a page that may not fetch decodes them all the same."""

import base64
import json
import re
from pathlib import Path

import pytest
from viewer_runs import TURN_TAKING, golden

from tml_bench.viewer import site as viewer_site
from tml_bench.viewer.export import export_site
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.site import ViewerSite

PLACE = f"{TURN_TAKING}/0"


def _call(body: bytes) -> tuple[str, str]:
    found = re.fullmatch(r"tml_bench_document\((.*)\);\n", body.decode())
    assert found
    name, text = json.loads(f"[{found[1]}]")
    return name, text


@pytest.mark.parametrize("side", ["user", "model"])
def test_an_export_holds_each_track_as_a_file_and_as_a_script(tmp_path: Path, side: str) -> None:
    out = tmp_path / "pages"
    assert list(export_site(ViewerSite(open_viewed([golden(tmp_path)])), out))
    name, text = _call((out / f"data/tracks/{PLACE}/{side}.js").read_bytes())
    assert name == f"data/tracks/{PLACE}/{side}"
    assert base64.b64decode(text) == (out / f"audio/{PLACE}/{side}.flac").read_bytes()
    assert not (out / f"data/tracks/{PLACE}/{side}.json").exists()


def test_a_track_too_long_to_be_decoded_is_a_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_site, "LARGEST_TEXT", 10)
    addresses = list(ViewerSite(open_viewed([golden(tmp_path)])).addresses())
    assert f"audio/{PLACE}/user.flac" in addresses
    assert not any(address.startswith("data/tracks/") for address in addresses)


@pytest.mark.parametrize("side", ["other", "manifest", "..", "user.flac"])
def test_nothing_else_is_given_as_text(tmp_path: Path, side: str) -> None:
    site = ViewerSite(open_viewed([golden(tmp_path)]))
    assert site.content(f"data/tracks/{PLACE}/user.js")
    assert site.content(f"data/tracks/{PLACE}/{side}.js") is None


def test_a_track_that_leads_out_of_the_run_is_not_given(tmp_path: Path) -> None:
    run = golden(tmp_path)
    track = next(run.rglob("user.flac"))
    secret = tmp_path / "secret.flac"
    track.rename(secret)
    track.symlink_to(secret)
    assert ViewerSite(open_viewed([run])).content(f"data/tracks/{PLACE}/user.js") is None
