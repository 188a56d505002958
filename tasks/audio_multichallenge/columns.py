"""Telling the columns of the official parquet apart by what they hold, because their names are not promised.

User audio is binary (alone or as ``{"bytes": ..., "path": ...}``) and its name holds the number of the turn;
transcripts are text whose name holds ``user`` or ``assistant`` and a number; the axis is text that holds only
the four axes; the rubric is the column of that name. Where several columns would do, the names decide
(``audio``, ``transcript``); where these do not, it is an error: the wrong one would pass unnoticed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tml_bench.errors import UserError
from tml_bench.tasks.audio_multichallenge.conversations import AXES

if TYPE_CHECKING:
    import pyarrow as pa

_REMEDY = "give the parquet of ScaleAI/audiomc, or unpack it into the folder form of the card"


class ConversationColumns(NamedTuple):
    """Which column holds what.

    Attributes:
        id: the conversation's id; empty when there is none.
        axis: the axis.
        rubric: the items.
        speaker: who speaks; empty when unknown.
        user_audio, user_text, assistant_text: by number of the turn.
    """

    id: str
    axis: str
    rubric: str
    speaker: str
    user_audio: Mapping[int, str]
    user_text: Mapping[int, str]
    assistant_text: Mapping[int, str]

    def texts(self) -> list[str]:
        """All but the audio."""
        named = (self.id, self.axis, self.rubric, self.speaker)
        return [*filter(None, named), *self.user_text.values(), *self.assistant_text.values()]


def find_columns(schema: pa.Schema, texts: Mapping[str, Sequence[str]], where: str) -> ConversationColumns:
    """Tell the columns apart.

    Args:
        schema: names and types.
        texts: the first values of every text column.
        where: the file, for messages.

    Raises:
        UserError: one cannot be found, or several would do; says which columns there are.
    """
    audio: dict[int, list[str]] = defaultdict(list)
    user: dict[int, list[str]] = defaultdict(list)
    assistant: dict[int, list[str]] = defaultdict(list)
    for field in schema:
        number, name = _number(field.name), field.name.lower()
        if number is None:
            continue
        if _holds_bytes(field.type):
            if "assistant" not in name:
                audio[number].append(field.name)
        elif field.name in texts and "audio" not in name:
            for role, found in (("user", user), ("assistant", assistant)):
                if role in name:
                    found[number].append(field.name)
    axis, rubric = _axis_column(texts), _rubric_column(schema)
    needed = {
        "user audio by turn": audio,
        "user transcripts by turn": user,
        "assistant transcripts by turn": assistant,
        "the axis": axis,
        "the rubric": rubric,
    }
    if missing := [what for what, there in needed.items() if not there]:
        columns = ", ".join(f"{f.name} ({f.type})" for f in schema)
        what = f"{where}: no column holds {' or '.join(missing)}; the columns are {columns}"
        raise UserError(what, _REMEDY)
    return ConversationColumns(
        id=_named(schema, texts, ("id", "conversation_id", "task_id", "uid")),
        axis=axis,
        rubric=rubric,
        speaker=_named(schema, texts, ("speaker", "speaker_id", "voice_id")),
        user_audio=_one_a_turn(audio, "audio", "the user's audio", where),
        user_text=_one_a_turn(user, "transcript", "the user's transcript", where),
        assistant_text=_one_a_turn(assistant, "transcript", "the assistant's transcript", where),
    )


def axis_of(value: str) -> str:
    """An axis as the benchmark spells it, in capitals and with underscores."""
    return re.sub(r"[^A-Z]+", "_", value.upper()).strip("_")


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _one_a_turn(found: Mapping[int, Sequence[str]], hint: str, what: str, where: str) -> dict[int, str]:
    chosen = {}
    for number, names in found.items():
        hinted = [name for name in names if hint in name.lower()]
        if len(names) > 1 and len(hinted) != 1:
            raise UserError(
                f"{where}: {' and '.join(hinted or names)} may each hold {what} of turn {number}", _REMEDY
            )
        chosen[number] = (hinted or names)[0]
    return chosen


def _axis_column(texts: Mapping[str, Sequence[str]]) -> str:
    for name, values in texts.items():
        known = [axis_of(value) in AXES for value in values]
        # By name, a single conversation of another axis does not cost all the others; nor do no rows at all.
        if (known and all(known)) or (name.lower() == "axis" and (any(known) or not known)):
            return name
    return ""


def _rubric_column(schema: pa.Schema) -> str:
    """The column ``rubric`` or ``rubrics``; else the only one with it in its name."""
    names = [field.name for field in schema if "rubric" in field.name.lower()]
    exact = [name for name in names if name.lower() in ("rubric", "rubrics")]
    return next(iter(exact), names[0] if len(names) == 1 else "")


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(_holds_bytes(kind.field(k).type) for k in range(kind.num_fields))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _holds_bytes(kind.value_type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _named(schema: pa.Schema, texts: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    import pyarrow as pa

    def names_one(field: pa.Field) -> bool:
        return field.name in texts or bool(pa.types.is_integer(field.type))

    return next((f.name for want in names for f in schema if f.name.lower() == want and names_one(f)), "")


def _number(name: str) -> int | None:
    """The number of the turn: the one after ``turn``, else the last, such as that of ``audio_2``."""
    found = re.findall(r"turn\D{0,3}(\d+)", name.lower()) or re.findall(r"\d+", name)
    return int(found[-1][:9]) if found else None
