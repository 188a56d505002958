"""Tracks as text, by which a page that may not fetch decodes them all the same."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from viewer_runs import TURN_TAKING, golden

from tml_bench.errors import UserError
from tml_bench.viewer.export import export_site
from tml_bench.viewer.run_files import open_viewed
from tml_bench.viewer.site import ViewerSite
from tml_bench.viewer.tracks import TrackForm

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
    monkeypatch.setattr("tml_bench.viewer.site.LARGEST_TEXT", 10)
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


def test_an_export_may_hold_opus_which_sounds_the_same_and_is_smaller(tmp_path: Path) -> None:
    run, out = golden(tmp_path), tmp_path / "pages"
    assert list(export_site(ViewerSite(open_viewed([run]), tracks=TrackForm.OPUS), out))
    document = json.loads((out / f"data/samples/{PLACE}.json").read_bytes())
    for side in ("user", "model"):
        track = out / f"audio/{PLACE}/{side}.ogg"
        assert document[f"{side}_track"]["address"] == f"audio/{PLACE}/{side}.ogg"
        _, text = _call((out / f"data/tracks/{PLACE}/{side}.js").read_bytes())
        assert base64.b64decode(text) == track.read_bytes()
        stored = next(run.glob(f"*/{document['sample']}/*/{side}.flac"))
        (was, rate), (given, given_rate) = (soundfile.read(path) for path in (stored, track))
        heard = soxr.resample(given, given_rate, rate)[: len(was)]
        assert len(given) / given_rate == pytest.approx(len(was) / rate, abs=0.001)
        assert np.corrcoef(was, heard)[0, 1] > 0.95  # a tenth of a millisecond of delay would show in speech
        assert track.stat().st_size < stored.stat().st_size / 2
    assert not list(out.rglob("*.flac"))


def test_only_the_samples_that_are_named_are_viewed(tmp_path: Path) -> None:
    run = golden(tmp_path)
    first, *_ = (one.last.sample for one in open_viewed([run])[0].attempts())
    site = ViewerSite(open_viewed([run], [first]))
    assert [a for a in site.addresses() if a.startswith("data/samples/")] == [f"data/samples/{PLACE}.json"]
    with pytest.raises(UserError, match="'nowhere'"):
        open_viewed([run], [first, "nowhere"])
