from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from tml_bench.errors import BadSampleError
from tml_bench.media import subtitles
from tml_bench.media.subtitles import check_drawable, subtitled, wrapped

FONTS = Path(mpl.get_data_path(), "fonts", "ttf")
shaping = pytest.mark.skipif(not features.check("raqm"), reason="libraqm is not installed")


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The fonts that the system has, to be filled by the test."""
    fonts: list[str] = []
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(fonts))
    for kept in (subtitles._font_file, subtitles._laid_out):
        kept.cache_clear()
    yield fonts
    for kept in (subtitles._font_file, subtitles._laid_out):
        kept.cache_clear()


def on_grey(text: str, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    return subtitled(np.full((height, width, 3), 128, np.uint8), text)


@pytest.mark.parametrize("size", [(432, 768), (768, 432), (240, 320)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_subtitles_lie_inside_the_lower_half_and_stand_out(size: tuple[int, int], grey: int) -> None:
    text = "Tell me when the person opens the door, and what she is carrying in her left hand"
    plain = np.full((*size, 3), grey, np.uint8)
    drawn = subtitled(plain, text)
    assert (drawn.shape, drawn.dtype, drawn.flags.writeable) == (plain.shape, np.uint8, False)
    assert (plain == grey).all(), "the picture itself stays as it is"
    changed = np.argwhere((drawn != plain).any(axis=2))
    assert changed[:, 0].min() > size[0] * 0.45
    assert changed[:, 0].max() < size[0] - 1
    assert changed[:, 1].min() > 0
    assert changed[:, 1].max() < size[1] - 1
    region = drawn[changed[:, 0].min() :, :]
    assert region.max() > 240
    assert region.min() == 0


def test_a_long_text_is_drawn_smaller_and_a_huge_one_no_smaller_than_can_be_read() -> None:
    plain = np.zeros((432, 768, 3), np.uint8)
    sizes = []
    for words in (10, 60, 380):
        font, lines, _ = subtitles._laid_out(" ".join(["another word"] * words), 768, 432)
        sizes.append(font.size)
        assert all(font.getlength(line) <= 768 * 0.94 for line in lines)
    assert sizes[0] == 27
    assert sizes[0] > sizes[1] > sizes[2] == subtitles.MIN_SIZE
    changed = np.argwhere(subtitled(plain, " ".join(["another word"] * 60)).any(axis=2))
    assert changed[:, 0].min() > 432 * 0.45


def test_a_very_long_word_is_broken_without_trying_every_length() -> None:
    measured: list[str] = []

    def length(line: str) -> float:
        measured.append(line)
        return len(line) * 12.0

    lines = list(wrapped("x" * 5000, 150, length))
    assert ("".join(lines), {len(line) for line in lines[:-1]}) == ("x" * 5000, {12})
    assert len(measured) < 20 * len(lines)


def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(BadSampleError, match="has 5001 characters"):
        subtitled(np.zeros((96, 128, 3), np.uint8), "x" * 5001)


def test_subtitles_are_wrapped_without_losing_a_letter() -> None:
    text = "one two three supercalifragilisticexpialidocious five\nnew line"
    lines = list(wrapped(text, 12, len))
    assert lines == ["one two", "three", "supercalifra", "gilisticexpi", "alidocious", "five", "new line"]


def test_no_line_begins_with_a_mark() -> None:
    assert list(wrapped("ก่ก่ก่", 3, len)) == ["ก่", "ก่", "ก่"]


def test_every_letter_is_drawn_as_it_is() -> None:
    assert not np.array_equal(on_grey("é"), on_grey("e"))
    assert np.array_equal(on_grey("e\N{COMBINING ACUTE ACCENT}"), on_grey("é"))
    drawn = [on_grey(text).tobytes() for text in ("Straße", "Ωμέγα", "Łódź", "Щука", "½ “…” — €", " \n ")]
    assert len(set(drawn)) == 6
    assert drawn[-1] == on_grey("").tobytes() == np.full((240, 320, 3), 128, np.uint8).tobytes()


@shaping
def test_arabic_is_joined_and_runs_from_the_right() -> None:
    font = ImageFont.truetype(str(FONTS / "DejaVuSans.ttf"), 60, layout_engine=ImageFont.Layout.BASIC)
    by_hand = Image.fromarray(np.full((960, 960, 3), 128, np.uint8))
    # From left to right: theh as it looks at the end of a word, teh as inside, beh as at the beginning.
    ImageDraw.Draw(by_hand).text(
        (480, 960 - 29), "\ufe9a\ufe98\ufe91", "white", font, "md", stroke_width=5, stroke_fill="black"
    )
    assert np.array_equal(on_grey("\u0628\u062a\u062b", 960, 960), np.asarray(by_hand))


@shaping
def test_a_line_of_hebrew_that_begins_with_a_foreign_word_still_runs_from_the_right() -> None:
    _, lines, direction = subtitles._laid_out("שלום " * 8 + "Pixel שלום", 240, 320)
    assert direction == "rtl"
    assert len(lines) > 1


def test_letters_that_need_shaping_are_refused_where_nothing_shapes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(features, "check", lambda feature: feature != "raqm")
    check_drawable("naïve café")
    for text in ("مرحبا", "שלום"):
        with pytest.raises(BadSampleError, match=r"need libraqm.*libfribidi0"):
            check_drawable(text)


def test_what_no_font_here_has_is_refused(system: list[str]) -> None:
    system.append(str(FONTS / "no such font.ttf"))
    for text, letter in (("数える", "え"), ("bell \a", r"\\x07")):
        with pytest.raises(
            BadSampleError, match=rf"cannot be drawn: no font here has '{letter}'.*fonts-noto-cjk"
        ):
            subtitled(np.zeros((240, 320, 3), np.uint8), text)


def test_a_font_of_the_system_is_taken_for_what_dejavu_lacks(system: list[str]) -> None:
    system += [str(FONTS / "cmr10.ttf"), str(FONTS / "LastResortHE-Regular.ttf")]
    assert Path(subtitles._font_file("count")).name == "DejaVuSans.ttf"
    assert Path(subtitles._font_file("数える")).name == "LastResortHE-Regular.ttf"
    changed = np.argwhere((on_grey("数える") != 128).any(axis=2))
    assert changed[:, 0].min() > 240 * 0.8


def test_nothing_heavy_is_read_in_before_text_is_drawn() -> None:
    code = "import sys, tml_bench.session.camera; print(sorted({'PIL', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
