"""What a usage costs by a price, and what a session is expected to use.

A service's usage does not say which of the cached tokens are of audio: they are split as all input is. What
cannot be priced is unknown, never 0.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tml_bench.pricing.table import ModelPrice
from tml_bench.turns import Usage

MILLION, MINUTE_S = 1e6, 60.0
CHARACTERS_PER_TOKEN = 4.0
"""Of a text, for estimates."""


def cost_of(usage: Usage, price: ModelPrice) -> float | None:
    """What a usage costs; None where it is not told, or a price of what was used is missing.

    A usage with input tokens none of which are of audio does not say how they are made up, where audio has a
    price of its own; the same for output.
    """
    told = False
    total = 0.0
    for amount, rate, unit in _charges(usage, price):
        if not amount:
            continue
        if rate is None:
            return None
        told = True
        total += amount * rate / unit
    return total if told else None


def _charges(usage: Usage, price: ModelPrice) -> list[tuple[float, float | None, float]]:
    """Amounts, what each costs, and for how many that is."""
    by_minute = price.input_minute is not None or price.output_minute is not None
    minutes = [
        (usage.input_audio_s, price.input_minute, MINUTE_S),
        (usage.output_audio_s, price.output_minute, MINUTE_S),
    ]
    charged = [charge for charge in minutes if charge[1] is not None]
    by_token = any(p is not None for p in (price.input_text, price.input_audio, price.output_audio))
    if by_minute and not by_token:
        return charged
    audio_in, audio_out = usage.input_audio_tokens, usage.output_audio_tokens
    text_in, text_out = usage.input_tokens - audio_in, usage.output_tokens - audio_out
    split_in = audio_in > 0 or price.input_audio in (None, price.input_text)
    split_out = audio_out > 0 or price.output_audio in (None, price.output_text)
    cached = min(1.0, usage.cached_tokens / usage.input_tokens) if usage.input_tokens else 0.0
    cached_audio = price.input_audio if price.cached_audio is None else price.cached_audio
    cached_text = price.input_text if price.cached_text is None else price.cached_text
    return [
        *charged,
        (audio_in * (1 - cached), price.input_audio, MILLION),
        (audio_in * cached, cached_audio, MILLION),
        (text_in * (1 - cached), price.input_text if split_in else None, MILLION),
        (text_in * cached, cached_text if split_in else None, MILLION),
        (audio_out, price.output_audio, MILLION),
        (text_out, price.output_text if split_out else None, MILLION),
    ]


class Span(NamedTuple):
    """A stretch of a session, in seconds."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


class SessionSize(NamedTuple):
    """How large a session is expected to be.

    Attributes:
        user_s: seconds of the user's audio, silence included: how long it lasts.
        turns: when the user speaks.
        answers: when the model speaks.
        text: characters of what the model reads before anything is said.
        video_s: seconds with a video.
        history_s: seconds of audio that the model reads before anything is said.
    """

    user_s: float
    turns: tuple[Span, ...] = ()
    answers: tuple[Span, ...] = ()
    text: int = 0
    video_s: float = 0.0
    history_s: float = 0.0

    @property
    def model_s(self) -> float:
        """Seconds of the model's audio."""
        return sum(answer.length_s for answer in self.answers)

    def stretched(self, factor: float) -> "SessionSize":
        """The same session with everything later by a factor; answers stay as long."""
        return SessionSize(
            self.user_s * factor,
            tuple(Span(t.start_s * factor, t.end_s * factor) for t in self.turns),
            tuple(Span(a.start_s * factor, a.start_s * factor + a.length_s) for a in self.answers),
            self.text,
            self.video_s * factor,
            self.history_s,
        )


def expected_usage(size: SessionSize, price: ModelPrice | None) -> Usage:
    """What a service will count of a session; tokens as far as the price says how they are counted.

    Each answer reads what the user has said up to its onset, and with ``rereads`` also the answers before, up
    to where the user interrupted them. Nothing is taken to be cached, video frames are left out.
    """
    seconds = Usage(input_audio_s=size.user_s, output_audio_s=size.model_s, calls=len(size.answers))
    if price is None or price.input_tokens_per_s is None or price.output_tokens_per_s is None:
        return seconds
    rate_in, rate_out = price.input_tokens_per_s, price.output_tokens_per_s
    text = size.text / CHARACTERS_PER_TOKEN
    text_rate = price.output_text_tokens_per_s
    heard_s = given_s = kept_s = audio_tokens = text_tokens = 0.0
    for answer in size.answers:
        so_far_s = answer.start_s if price.hears_silence else _spoken_s(size.turns, answer.start_s)
        so_far_s += size.history_s
        if price.rereads:
            audio_tokens += so_far_s * rate_in + kept_s * rate_out
            text_tokens += text + kept_s * text_rate
        else:
            audio_tokens += max(0.0, so_far_s - heard_s) * rate_in
        heard_s, given_s = so_far_s, given_s + answer.length_s
        cuts_s = (turn.start_s for turn in size.turns if turn.start_s > answer.start_s)
        kept_s += min(answer.end_s, *cuts_s, math.inf) - answer.start_s
    if not price.rereads and size.answers:
        text_tokens = text
    read_audio, given = round(audio_tokens), round(given_s * rate_out)
    return replace(
        seconds,
        input_tokens=read_audio + round(text_tokens),
        output_tokens=given + round(given_s * text_rate),
        input_audio_tokens=read_audio,
        output_audio_tokens=given,
    )


def _spoken_s(turns: Sequence[Span], until_s: float) -> float:
    return sum(max(0.0, min(turn.end_s, until_s) - turn.start_s) for turn in turns)
