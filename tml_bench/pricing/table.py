"""Tables of dated prices: the one that ships, and those that people write.

A table is a JSON file, read as `PriceTable`; docs/cost.md describes it. No price is current for ever, so each
names its day, which is shown wherever its money is.
"""

import datetime
import math
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

import msgspec

from tml_bench.bounded_files import UNREADABLE, read_whole
from tml_bench.errors import UserError

PRICES_SCHEMA = "tml-bench/prices/1.0"
REMEDY = "see docs/cost.md for what a table of prices holds"


class ModelPrice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model costs, in the currency of its table; what has no price is None.

    Attributes:
        models: names of models; ``*`` stands for any characters.
        as_of: the day on which these prices were valid.
        source: where they stand, in words.
        input_text: for a million text tokens read; ``input_audio`` for audio tokens.
        cached_text: for text tokens that were read before; the price of others when None. ``cached_audio``
            for audio tokens.
        output_text: for a million text tokens given; ``output_audio`` for audio tokens.
        input_minute: for a minute of audio sent; ``output_minute`` for a minute of audio given.
        input_tokens_per_s: tokens of a second of the user's audio, for estimates; ``output_tokens_per_s`` of
            the model's, ``output_text_tokens_per_s`` of the text beside it.
        rereads: every answer reads the whole conversation again.
        hears_silence: the user's silence counts as audio; else the service finds the user's turns by it.
    """

    models: tuple[str, ...]
    as_of: datetime.date
    source: str
    input_text: float | None = None
    input_audio: float | None = None
    cached_text: float | None = None
    cached_audio: float | None = None
    output_text: float | None = None
    output_audio: float | None = None
    input_minute: float | None = None
    output_minute: float | None = None
    input_tokens_per_s: float | None = None
    output_tokens_per_s: float | None = None
    output_text_tokens_per_s: float = 0.0
    rereads: bool = False
    hears_silence: bool = True


_AMOUNTS = tuple(name for name in ModelPrice.__struct_fields__ if name.startswith(("in", "cach", "out")))


class PriceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices of models, in one currency; of several that fit a model the first counts."""

    schema: str
    currency: str
    prices: tuple[ModelPrice, ...]

    def price_of(self, model: str) -> ModelPrice | None:
        """The price of a model by its name, with or without a maker and a slash; None where it has none."""
        name = model.rpartition("/")[2].lower()
        for price in self.prices:
            if any(fnmatchcase(name, pattern.lower()) for pattern in price.models):
                return price
        return None


def load_prices(path: Path | None = None) -> PriceTable:
    """The table that ships; with a file, its prices first, those that ship after them in the same currency.

    Raises:
        UserError: the file is missing, or a field of it is wrong; names both.
    """
    shipped = _table((resources.files("tml_bench.pricing") / "prices.json").read_bytes(), "prices.json")
    if path is None:
        return shipped
    try:
        content = read_whole(path, piped=True)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {what}", REMEDY) from None
    own = _table(content, str(path))
    more = shipped.prices if own.currency == shipped.currency else ()
    return PriceTable(own.schema, own.currency, (*own.prices, *more))


def _table(content: bytes, name: str) -> PriceTable:
    try:
        table = msgspec.json.decode(content, type=PriceTable)
    except UNREADABLE as error:
        raise UserError(f"{name}: {error}", REMEDY) from error
    if table.schema.rpartition(".")[0] != PRICES_SCHEMA.rpartition(".")[0]:
        raise UserError(f"{name}: `$.schema` is {table.schema!r}, not {PRICES_SCHEMA!r}", REMEDY)
    if not table.currency.strip():
        raise UserError(f"{name}: `$.currency` is empty", "name a currency, such as USD")
    for place, price in enumerate(table.prices):
        where = f"{name}: `$.prices[{place}]"
        if not all(price.models) or not price.models:
            raise UserError(f"{where}.models` names no model", REMEDY)
        for field in _AMOUNTS:
            amount = getattr(price, field)
            if amount is not None and not 0 <= amount < math.inf:
                raise UserError(
                    f"{where}.{field}` is {amount}", "give an amount of at least 0, or leave it out"
                )
    return table
