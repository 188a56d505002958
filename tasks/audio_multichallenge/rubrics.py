"""The items of a rubric, in whatever shape a table holds them; what can be read in two ways is refused.

Read are lists (Arrow, JSON, or as Python or ``repr`` of a NumPy array writes them) of texts or of objects
with a text, an object of lists as tables are written by columns, marked lines (``- a``, ``1. a``), and one
line, which is one item. A list without commas is how NumPy prints an array, and how Python writes one text
in parts: nobody can tell how many items it has. Lines without marks may be items, or one text in lines.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

from tml_bench.tasks.audio_multichallenge.conversations import RubricItem

_LONGEST = 200_000
_TEXT_FIELDS = ("criterion", "criteria", "rubric", "text", "item", "description", "question", "title")
_MARK = re.compile(r"^\s*(?:[-*•]|\(?\d+[.)])\s+")
_ARRAY = re.compile(r"array\((\[.*\])\s*(?:,\s*dtype=[^,()]+)?\)\Z", re.DOTALL)
_LIST = re.compile(r"[\[({]\s*['\"\[({]|\[.*\]\Z|array\(", re.DOTALL)
_NUMBERED = re.compile(r"(?:^|\s)\(?(\d+)[.)]\s")


def rubric_items(value: object) -> tuple[RubricItem, ...]:
    """The items of a rubric.

    Raises:
        ValueError: there are none, or they cannot be told for sure; says what is the matter.
    """
    try:
        return _items(_written(value) if isinstance(value, str) else value)
    except RecursionError:
        raise ValueError("the rubric is nested too deeply") from None


def _items(value: object) -> tuple[RubricItem, ...]:
    if isinstance(value, Mapping):
        value = _listed(value)
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise ValueError(f"a rubric of type {type(value).__name__}")
    if not value:
        raise ValueError("the rubric is empty")
    return tuple(RubricItem(_text_of(item)) for item in value)


def _listed(value: Mapping[str, object]) -> object:
    """The items of an object: its list of texts, or the object as the only item."""
    lists = {name.lower().removesuffix("s"): v for name, v in value.items() if isinstance(v, Sequence)}
    lists = {name: v for name, v in lists.items() if not isinstance(v, (str, bytes))}
    if not lists:
        return [value]
    known = [name for name in _TEXT_FIELDS if name in lists]
    if not known:
        raise ValueError(f"the rubric is an object with lists of {', '.join(lists)}, not of items")
    return lists[known[0]]


def _written(text: str) -> object:
    """What a rubric written as text says."""
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError(f"the rubric has {len(text):,} characters, and at most {_LONGEST:,} are read")
    with suppress(json.JSONDecodeError):
        found = json.loads(text)
        return _written(found) if isinstance(found, str) else found
    if array := _ARRAY.match(text):
        text = array[1]
    if _LIST.match(text):
        return _literal(text)
    lines = [line for line in text.splitlines() if line.strip()]
    marked = [bool(_MARK.match(line)) for line in lines]
    if len(lines) > 1 and not all(marked):
        raise ValueError(f"the rubric has {len(lines)} lines, not all marked as items: one text or several?")
    if len(lines) == 1 and [int(n) for n in _NUMBERED.findall(text)[:2]] == [1, 2]:
        raise ValueError("the rubric numbers several items in one line")
    return [_MARK.sub("", line, count=1).strip() for line in lines]


def _literal(text: str) -> object:
    """A list as Python writes it."""
    layout = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    try:
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        kinds = [token.type for token in tokens if token.type not in layout]
        found: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError):
        raise ValueError("the rubric looks like a list and is none") from None
    if any(a == b == tokenize.STRING for a, b in pairwise(kinds)):
        raise ValueError("the rubric is a list without commas, as NumPy prints arrays: how many items?")
    return found


def _text_of(value: object) -> str:
    texts = [value] if isinstance(value, str) else []
    if isinstance(value, Mapping):
        texts = [value[name] for name in _TEXT_FIELDS if isinstance(value.get(name), str)]
    for text in texts:
        if re.match(r"\[\s*['\"].*['\"]\s*\]\Z", text.strip(), re.DOTALL):
            raise ValueError(f"an item of the rubric is a list itself: {text.strip()[:40]!r}")
        if text.strip():
            return text.strip()
    raise ValueError(f"an item of the rubric is {value!r}")
