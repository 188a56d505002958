"""No piece of a secret in what is written: cut anywhere, in any encoding; other text stays."""

from __future__ import annotations

import json
import random
import string
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from itertools import pairwise
from urllib.parse import quote, quote_plus, unquote

import msgspec
import pytest
from hypothesis import given, strategies as st
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from tml_bench import redact
from tml_bench.adapter import ProtocolError
from tml_bench.adapters._inbound import parse_object
from tml_bench.adapters._refusal_tables import GEMINI, OPENAI, OWN_SERVER
from tml_bench.adapters._refusals import closed_error, read_error
from tml_bench.adapters.wire.session import Inbox, refused
from tml_bench.blame import in_one_line
from tml_bench.redact import (
    BLANK,
    cut,
    kept,
    plain,
    recordable,
    redacted,
    redacted_speech,
    remember_named,
    remember_secret,
)
from tml_bench.secret_pieces import PIECE, SecretPieces, looks_random
from tml_bench.session.reply_texts import ReplyTexts
from tml_bench.wire import messages as wire

BASE62 = string.ascii_letters + string.digits
ALPHABETS = (BASE62, BASE62 + "-_", BASE62 + "+/=.~", "0123456789abcdef")
KEY = "sk-proj-" + "".join(random.Random(7).choices(BASE62 + "-_", k=156))
RANDOM_KEY = "".join(random.Random(8).choices(BASE62, k=40))


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test's secrets are its own."""
    monkeypatch.setattr(redact, "_known", set())
    forget_all()
    yield
    forget_all()


def forget_all() -> None:
    redact._known.clear()
    for cached in (redact._secrets, redact._marks, redact._pattern, redact._pieces, redact._short):
        cached.cache_clear()


def pieces_of(secret: str, text: str) -> list[str]:
    """Runs of 5 characters of the secret that stand in the text, as they are."""
    body = secret.removeprefix("sk-proj-")
    return [body[i : i + PIECE] for i in range(len(body) - PIECE + 1) if body[i : i + PIECE] in text]


def json_escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" for c in text)


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "url": quote_plus,
    "url, all": lambda text: "".join(f"%{ord(c):02x}" for c in text),
    "url, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json": lambda text: json.dumps(text).replace("/", "\\/"),
    "json, all": json_escaped,
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@given(data=st.data())
def test_nothing_longer_than_four_characters(encode: Callable[[str], str], data: st.DataObject) -> None:
    forget_all()
    alphabet = data.draw(st.sampled_from(ALPHABETS))
    secret = "".join(data.draw(st.randoms(use_true_random=False)).choices(alphabet, k=40))
    remember_secret(secret)
    start = data.draw(st.integers(0, len(secret)))
    end = data.draw(st.integers(start, len(secret)))
    before, after = data.draw(st.text(max_size=20)), data.draw(st.text(max_size=20))
    told = redacted(before + encode(secret[start:end]) + after)
    shown = redact.writable(before) + BLANK + redact.writable(after)
    if not looks_random(secret):  # one key in hundreds
        return
    left = told
    for _ in range(3):  # undo the encodings as a reader would
        left = left.encode().decode("unicode_escape") if "\\u" in left else left
    left = unquote(unquote(left))
    assert [p for p in pieces_of(secret, left) if p not in shown] == []
    json.dumps(told).encode()


@given(data=st.data())
def test_nothing_of_it_in_base64(data: st.DataObject) -> None:
    forget_all()
    secret = "".join(data.draw(st.randoms(use_true_random=False)).choices(BASE62, k=40))
    remember_secret(secret)
    start = data.draw(st.integers(0, len(secret)))
    end = data.draw(st.integers(start, len(secret)))
    before, after = data.draw(st.binary(max_size=9)), data.draw(st.binary(max_size=9))
    encode = data.draw(st.sampled_from([b64encode, urlsafe_b64encode]))
    told = redacted(f"Basic {encode(before + secret[start:end].encode() + after).decode()} end")
    for skip in range(4):  # what stays, decoded at any place
        for stretch in told.removeprefix("Basic ").removesuffix(" end").split(BLANK):
            coded = stretch[skip:].replace("-", "+").replace("_", "/").rstrip("=")
            text = b64decode(coded[: len(coded) // 4 * 4]).decode("latin-1")
            assert pieces_of(secret, text) == []


@pytest.mark.parametrize("longest", [10, 80, 300])
def test_a_key_at_a_cut_is_seen_first(longest: int) -> None:
    """Before, 15 of 17 characters stood in what was cut first."""
    remember_secret("planted-key-01234")
    for at in range(longest + 1):
        text = "x" * at + "planted-key-01234" + "y" * 400
        told = cut(text, longest)
        assert len(told) <= longest
        assert not any("planted-key-01234"[:n] in told for n in (4, 8, 16))
        assert "sk-a" not in cut(
            "x" * at + " sk-abcdefghijklmnopqrst" + " y" * 200, longest
        )  # an unknown one
        assert "plan" not in plain(text)


def test_what_a_service_masks_or_ends_within() -> None:
    remember_secret(KEY)
    body = KEY.removeprefix("sk-proj-")
    masked = f"Incorrect API key provided: sk-proj-{body[:4]}****{body[-4:]}. You can find it at"
    assert f"****{body[-4:]}. You" in redacted(masked)
    assert pieces_of(KEY, redacted(f"key: {KEY[:14]}...{KEY[-9:]}")) == []
    for n in range(len(KEY)):
        told = redacted(f"no such key: {KEY[:n]}")
        assert pieces_of(KEY, told) == []
    assert redacted("keys begin with sk-proj- or sk-") == "keys begin with sk-proj- or sk-"


def test_between_the_pieces_of_a_reply() -> None:
    remember_secret(RANDOM_KEY)
    for size in range(1, 12):
        texts = ReplyTexts()
        pieces = [RANDOM_KEY[i : i + size] for i in range(0, len(RANDOM_KEY), size)]
        told = [texts.add("a", piece) for piece in pieces]
        assert pieces_of(RANDOM_KEY, "".join(told)) == []
        assert texts.add("a", " and on") == " and on"
        assert texts.add("b", pieces[1]) == redacted(pieces[1])  # another reply's


TEXT = "She said 12345 words about localhost, the password1 of a planted staple: correct, correcthorse."


@pytest.mark.parametrize(
    "secret",
    [
        "localhost",
        "correct-horse-battery-staple",
        "planted-key-0123456789",
        "12345678901234567890",
        "sk-proj-",
    ],
)
def test_words_that_a_secret_is_made_of_stay(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXT.replace(", the password1", "")
    if secret != "localhost":  # given as a key, it is one
        remember_secret(secret)
        assert redacted_speech(text) == text
    monkeypatch.setattr(redact, "_known", set())
    monkeypatch.setenv("MY_TOKEN", secret)
    forget_all()
    assert redacted(text) == redacted_speech(text) == text


PEM = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join("".join(random.Random(n).choices(BASE62 + "+/", k=64)) for n in range(9))
    + "\n-----END PRIVATE KEY-----"
)
ACCOUNT = json.dumps(
    {"type": "service_account", "token_uri": "https://oauth2.example/token", "key": RANDOM_KEY}
)


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize(("value", "line"), [(PEM, PEM.splitlines()[4]), (ACCOUNT, RANDOM_KEY)])
def test_a_file_of_keys(value: str, line: str, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if given:
        remember_secret(value)
    else:
        monkeypatch.setenv("A_PRIVATE_KEY", value)
        forget_all()
    text = "| ----- | PRIVATE KEY type service_account https://oauth2.example ===== 00000 |"
    assert redacted(text) == redacted_speech(text) == text
    assert redacted(f"a {value} b") == f"a {BLANK} b"
    assert pieces_of(line, redacted(f"{line[:20]} {line[9:16]}") + redacted_speech(line[3:9])) == []


def test_a_path_in_the_environment_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_KEY", "/home/me/.ssh/id_ed25519")
    forget_all()
    assert redacted("cannot read /home/me/.ssh/config") == "cannot read /home/me/.ssh/config"


def test_a_key_made_of_words_is_no_speech_in_errors() -> None:
    secret = "planted-key-0123456789"
    remember_secret(secret)
    for n in range(len(secret)):
        assert pieces_of(secret, redacted(f"no such key: {secret[:n]}")) == []
    assert redacted_speech(f"a planted {secret[:9]}") == f"a planted pla{BLANK}"


def test_what_no_secret_is_stays() -> None:
    remember_secret(KEY)
    remember_secret(RANDOM_KEY)
    assert redacted(TEXT * 50) == TEXT * 50
    assert recordable({"a": [1, 2.5, None, True, TEXT]}) == {"a": [1, 2.5, None, True, TEXT]}


@pytest.mark.parametrize(
    ("text", "random_"),
    [
        (RANDOM_KEY, True),
        ("3fa9b2deadbe41c07e66", True),
        ("MyPassword2024Secret", False),
        ("localhost", False),
    ],
)
def test_what_looks_random(text: str, random_: bool) -> None:
    assert looks_random(text) == random_


@given(st.integers(0, 3000), st.integers(0, 40), st.integers(0, 40))
def test_a_long_text_is_searched_as_a_short_one_is(at: int, start: int, end: int) -> None:
    piece = RANDOM_KEY[start:end]
    long = SecretPieces([RANDOM_KEY]).spans("é" * at + piece + "ж" * (3000 - at))
    assert long == ([(at, at + len(piece))] if len(piece) >= PIECE else [])


def test_addresses_and_names() -> None:
    address = "wss://me:hunter-2@host/v1?model=m&key=swordfish-1&max_tokens=5#access_token=x"
    assert redacted(address) == f"wss://me:{BLANK}@host/v1?model=m&key={BLANK}&max_tokens=5#access_token=x"
    remember_named("base_url", address)
    assert redacted("hunter-2 or swordfish-1") == f"{BLANK} or {BLANK}"
    remember_named("api_key", 12345678901234)
    remember_named("max_tokens", 200000)
    remember_named("tokenizer", "whisper-base.en")
    assert redacted("12345678901234 200000 whisper-base.en") == f"{BLANK} 200000 whisper-base.en"


def test_messages() -> None:
    remember_secret(RANDOM_KEY)
    message = {
        "type": "session.created",
        RANDOM_KEY[:9]: f"{'x' * 19_990}{RANDOM_KEY}",
        "client_secret": {"value": "ek-12", "expires_at": 5},
        "usage": {"input_token_details": {"audio_tokens": 5}, "max_output_tokens": "inf"},
        "big": 2**70,
        "half": "\ud83d",
        "nul": "a\0b",
        "delta": "A" * 800,
        "image": f"data:{RANDOM_KEY};base64,{'A' * 800}",
    }
    told = kept(message)
    assert told["client_secret"] == BLANK
    assert told["usage"] == message["usage"]
    assert told["half"] == "\ufffd"
    assert told["delta"] == "[800 base64 characters]"
    written = msgspec.json.encode(told).decode()
    assert pieces_of(RANDOM_KEY, written) == []
    assert kept(told) is told
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    msgspec.json.encode(recordable(deep))


def test_emoji_in_halves() -> None:
    face = "\U0001f600"
    high, low = "\ud83d", "\ude00"
    texts = ReplyTexts()
    assert [texts.add("a", f"so {high}"), texts.add("b", "no"), texts.add("a", f"{low} yes")] == [
        "so ",
        "no",
        f"{face} yes",
    ]
    assert [texts.add("a", high), texts.add("a", "x"), texts.add("a", low)] == ["", "\ufffdx", "\ufffd"]
    assert [texts.add("a", high), texts.add("a", high)] == ["", "\ufffd"]
    assert texts.rest() == {"a": "\ufffd"}
    assert texts.rest() == {}


@given(st.lists(st.text(alphabet=st.sampled_from("a\ud83d\ude00é\U0001f600"), max_size=4), max_size=8))
def test_any_pieces_join_as_they_would_whole(pieces: list[str]) -> None:
    texts = ReplyTexts()
    told = "".join([*(texts.add("r", piece) for piece in pieces), *texts.rest().values()])
    assert told == redact.writable("".join(pieces))
    told.encode()


def test_pieces_that_touch_are_one() -> None:
    spans = SecretPieces([RANDOM_KEY]).spans(f"a {RANDOM_KEY} b {RANDOM_KEY[3:9]}")
    assert spans == [(2, 42), (45, 51)]
    assert all(a[1] < b[0] for a, b in pairwise(spans))


def failure_of(read: Callable[[str], object], text: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as raised:
        read(text)
    return raised.value


def error_object(text: str) -> bytes:
    return json.dumps({"error": {"message": text, "code": text[:60]}}).encode()


def closed(text: str) -> Exception:
    return closed_error(ConnectionClosedError(Close(1011, text[:120]), None), "ws://h", OWN_SERVER)


REFUSALS: dict[str, Callable[[str], Exception | str]] = {
    "HTTP body": lambda text: OWN_SERVER.answered("ws://h", 500, {}, text.encode()),
    "HTTP error object": lambda text: OPENAI.answered("wss://h", 401, {}, error_object(text)),
    "close reason": closed,
    "error event": lambda text: GEMINI.error("it reports:", read_error({"error": {"message": text}})),
    "wire error": lambda text: refused(wire.Refusal(text[:60], text)),
    "no JSON": lambda text: failure_of(parse_object, text),
    "no frame": lambda text: failure_of(Inbox().read, text),
    "raised": lambda text: in_one_line(RuntimeError(text)),
}


@pytest.mark.parametrize("refuse", REFUSALS.values(), ids=REFUSALS)
def test_a_key_cut_at_every_place_of_every_refusal(refuse: Callable[[str], Exception | str]) -> None:
    remember_secret(RANDOM_KEY)
    for n in range(len(RANDOM_KEY)):
        for text in (
            f"no such key: {RANDOM_KEY[:n]}",  # the service cut it
            f"no such key: {RANDOM_KEY[:n]}...{RANDOM_KEY[n:]}",
            f"{'x' * (80 - n)} {RANDOM_KEY}",  # the harness will
            f"{'x' * (300 - n)} {RANDOM_KEY}",
            f"{'x' * (400 - n)} {RANDOM_KEY}",
        ):
            assert pieces_of(RANDOM_KEY, str(refuse(text))) == []
