"""Loading FD-bench v3 from disk.

Layout: ``{root}/{scenario}_{speaker}/input.wav metadata.json`` (FLAC and Ogg do too), the speaker being 24
hexadecimal digits, and ``benchmark_data_v2.json`` with all scenarios beside these folders or above. The root
may hold them in a folder ``fdb_v3_data_released``. What a folder's ``metadata.json`` gives stands above what
the scenario file gives; either may be missing where the other tells everything.

The mini set has the same layout. Its files tell more, which other data may tell too: ``facts`` (what the
spoken reply must hold), ``user_words`` (the user's words with times), ``corrected_s`` (when the correcting
word begins) and ``tail_s`` (silence after the recording).

Recordings of the benchmark end with 30.2 to 33.1 s of the room's own quiet, and its files do not say when the
user stops. There the ideal respondent speaks 30 s before the end, and when the user's turn ends is not known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, ValuesView
from pathlib import Path
from typing import Any, Literal

import msgspec

from tml_bench.errors import BadSampleError, UserError
from tml_bench.media.audio import probe
from tml_bench.samples import IdealCall, Reference, Sample, Script, UserTurn, Utterance
from tml_bench.tasks._common import check_folder, chosen
from tml_bench.tasks._common.records import (
    RecordPlace,
    Seconds,
    Text,
    TimeSpan,
    json_file,
    sample_json,
    short,
)
from tml_bench.tasks._fd_bench import RESTORE
from tml_bench.tasks.fd_bench_v3.annotation import DIFFICULTIES, DOMAINS, ExpectedCall, ScenarioAnnotation
from tml_bench.tasks.fd_bench_v3.world import INSTRUCTIONS, TOOLS, new_world
from tml_bench.timeline import Word
from tml_bench.tool_arguments import ArgumentCheck, resolved

MINI = Path(__file__).parent / "mini"
SCENARIOS = "benchmark_data_v2.json"
METADATA = "metadata.json"
RELEASED = "fdb_v3_data_released"
OFFICIAL_RECORDINGS, OFFICIAL_SCENARIOS = 100, 79
TAIL_S = 1.5
"""Digital silence that the benchmark's own client sends after a recording."""
ROOM_S, SHORTEST_S = 30.0, 36.0
"""Of a recording that ends with the room's quiet: at least so much is quiet, and so long it is in all."""
_REACTION_S = 0.2  # the mode of gaps between turns in conversation (Stivers et al. 2009)
_TOOLS = {tool.name: tool for tool in TOOLS}
_NAME = re.compile(r"(.+)_([0-9a-f]{24})")
_AUDIO = ("input.wav", "input.flac", "input.ogg")
_DEPTH = 50
"""Levels of arguments."""
_ANSWER = "That is done."
"""What an ideal respondent says where the data does not tell."""


_Domain = Literal["travel_identity", "finance_billing", "housing_location", "ecommerce_support"]


class _Line(msgspec.Struct):
    user: str | None = None
    ai: str | None = None


class _Call(msgspec.Struct):
    function: Text
    args: dict[str, object] | None = None


class _SpokenWord(msgspec.Struct):
    text: Text
    timestamp: TimeSpan


class _Entry(msgspec.Struct):
    """What either file may say of a scenario; None where it does not."""

    domain: _Domain | None = None
    difficulty: Literal["easy", "medium", "hard"] | None = None
    disfluency_features: list[Text] | None = None
    state_rollback_test: bool | None = None
    dialogue: list[_Line] | None = None
    expected_tool_calls: list[_Call] | None = None
    facts: list[Text] | None = None
    user_words: list[_SpokenWord] | None = None
    corrected_s: Seconds | None = None
    tail_s: Seconds | None = None


class _ScenarioFile(msgspec.Struct):
    scenarios: list[dict[str, object]]


def recordings(root: Path) -> list[Path]:
    """The folders of the recordings, in the order of their names.

    Raises:
        UserError: the folder does not exist, or holds none.
    """
    check_folder(root, f"give the folder {RELEASED}, or the one that holds it")
    for base in (root, root / RELEASED):
        inside = base.iterdir() if base.is_dir() else ()
        if found := sorted(p for p in inside if p.is_dir() and (_NAME.fullmatch(p.name) or _audio(p))):
            return found
    what = "expected {scenario}_{speaker}/input.wav, the speaker 24 hexadecimal digits"
    raise UserError(f"--data {root}: holds no recordings", what)


def is_whole(root: Path) -> bool:
    """Whether these are all 100 recordings of the 79 scenarios; raises as `recordings`."""
    names = [match[1] for p in recordings(root) if (match := _NAME.fullmatch(p.name))]
    return (len(names), len(set(names))) == (OFFICIAL_RECORDINGS, OFFICIAL_SCENARIOS)


def samples(data: Path | None = None, subsets: Sequence[str] = ()) -> Iterator[Sample]:
    """Load samples by domain, scenario and speaker; the mini set by default. Broken ones carry ``problem``.

    Raises:
        UserError: the folder or a subset does not exist, there are no recordings, or the scenario file is
            broken.
    """
    root = data or MINI
    folders = recordings(root)
    listed = _scenarios(folders[0].resolve().parent)
    found = sorted((read_sample(folder, listed) for folder in folders), key=_order)
    there = [domain for domain in DOMAINS if any(sample.subset == domain for sample in found)]
    wanted = chosen(root, subsets, DOMAINS, there)
    return (sample for sample in found if sample.subset in wanted)


def read_sample(folder: Path, listed: Mapping[str, object]) -> Sample:
    """Read one recording; ``listed`` are the entries of the scenario file by scenario."""
    match = _NAME.fullmatch(folder.name)
    scenario = match[1] if match else folder.name
    sample_id = re.sub(r"[^A-Za-z0-9._-]", "_", folder.name).lstrip(".")
    try:
        if match is None:
            what = "the name is not {scenario}_{speaker}, the speaker 24 hexadecimal digits"
            raise RecordPlace(short(folder)).bad("", what, "name it as in the dataset")
        audio = _audio(folder)
        if audio is None:
            raise RecordPlace(short(folder / _AUDIO[0])).bad("", "the file is missing", RESTORE)
        info = probe(audio)
        item, tail_s = read_annotation(folder, scenario, listed.get(scenario), info.duration_s)
    except BadSampleError as error:
        return Sample(sample_id, _likely_domain(scenario), unit=scenario, problem=str(error))
    script = Script(
        (UserTurn(audio, label=item.request),),
        tail_s=tail_s,
        instructions=INSTRUCTIONS,
        tools=TOOLS,
        world=new_world,
    )
    reference, notes = _reference(item, info.duration_s)
    return Sample(sample_id, item.domain, script, reference, scenario, notes=(*info.notes, *notes))


def read_annotation(
    folder: Path, scenario: str, listed: object, duration_s: float
) -> tuple[ScenarioAnnotation, float]:
    """Read what is annotated, and how much silence follows the recording.

    Args:
        folder: the recording's.
        scenario: which it is.
        listed: its entry in the scenario file; None if there is none.
        duration_s: of the recording.

    Raises:
        BadSampleError: neither file tells, or one is broken; names file, field and remedy.
    """
    path = folder / METADATA
    place = RecordPlace(short(path), remedy=f"correct it, or {RESTORE}")
    entries = [place.record(sample_json(path, RESTORE), _Entry)] if path.exists() else []
    if isinstance(listed, BadSampleError):
        raise listed
    if listed is not None:
        entries.append(RecordPlace(SCENARIOS, scenario).record(listed, _Entry))
    if not entries:
        raise place.bad("", f"the file is missing, and {SCENARIOS} has no scenario {scenario}", RESTORE)
    found = _Entry(*(_first(entries, field) for field in _Entry.__struct_fields__))
    for field in ("domain", "dialogue", "expected_tool_calls"):
        if getattr(found, field) is None:
            raise place.bad(field, "is missing", f"give it here or in {SCENARIOS}")
    assert found.domain is not None
    expected = _expected(place, found.expected_tool_calls or ())
    words = tuple(Word(w.text, *w.timestamp.interval) for w in found.user_words or ())
    last_s = max((w.timestamp.end_s for w in found.user_words or ()), default=0.0)
    if last_s > duration_s:
        what = f"{last_s:g} s is beyond the recording's end at {duration_s:g} s"
        raise place.bad("user_words", what, "check both files")
    lines = found.dialogue or ()
    return ScenarioAnnotation(
        scenario,
        found.domain,
        found.difficulty or DIFFICULTIES[min(max(len(expected), 1), 3) - 1],
        tuple(found.disfluency_features or ()),
        bool(found.state_rollback_test),
        expected,
        " ".join(line.user.strip() for line in lines if line.user),
        next((line.ai.strip() for line in reversed(lines) if line.ai), ""),
        tuple(found.facts or ()),
        words,
        found.corrected_s,
    ), TAIL_S if found.tail_s is None else found.tail_s


def _first(entries: Sequence[_Entry], field: str) -> Any:
    return next((value for e in entries if (value := getattr(e, field)) is not None), None)


def _expected(place: RecordPlace, calls: Sequence[_Call]) -> tuple[ExpectedCall, ...]:
    for number, call in enumerate(calls):
        if call.function not in _TOOLS:
            what = f"there is no function {call.function!r}"
            raise place.bad(
                f"expected_tool_calls[{number}].function", what, f"use one of {', '.join(_TOOLS)}"
            )
        if _is_deep(call.args):
            raise place.bad(f"expected_tool_calls[{number}].args", f"has more than {_DEPTH} levels")
    return tuple(ExpectedCall(call.function, call.args or {}) for call in calls)


def _is_deep(value: object) -> bool:
    """Whether a value of JSON has more levels than arguments can have a use for, and recursion a place."""
    level: list[object] = [value]
    for _ in range(_DEPTH):
        inside = [one.values() if isinstance(one, dict) else one for one in level]
        level = [each for one in inside if isinstance(one, list | ValuesView) for each in one]
    return bool(level)


def _reference(item: ScenarioAnnotation, duration_s: float) -> tuple[Reference, tuple[str, ...]]:
    """What an ideal respondent does, and a remark where it cannot make the calls."""
    user_end_s = item.user_words[-1].end_s if item.user_words else None
    if user_end_s is not None:
        at_s = user_end_s + _REACTION_S
    else:
        at_s = duration_s - ROOM_S if duration_s >= SHORTEST_S else duration_s + _REACTION_S
    calls = tuple(IdealCall(at_s, call.function, _fitted(call)) for call in item.expected)
    why = _impossible(calls)
    calls = () if why else calls
    said = Utterance(at_s, text=item.answer or _ANSWER, needs=tuple(range(len(calls))))
    return Reference(user_end_s, (said,), item, calls), (f"the oracle makes no calls: {why}",) if why else ()


def _fitted(call: ExpectedCall) -> dict[str, object]:
    """The arguments of a call, numbers that are written as texts, and the other way round, as declared."""
    properties = _TOOLS[call.function].parameters["properties"]
    assert isinstance(properties, dict)
    fitted: dict[str, object] = {}
    for name, value in call.args.items():
        kind = properties.get(name, {}).get("type")
        is_text = isinstance(value, str)
        if kind == "string" and not is_text:
            fitted[name] = msgspec.json.encode(value).decode()
        elif kind in ("number", "integer") and is_text and re.fullmatch(r"\d+(\.\d+)?", str(value)):
            fitted[name] = float(str(value)) if "." in str(value) else int(str(value))
        else:
            fitted[name] = value
    return fitted


def _impossible(calls: Sequence[IdealCall]) -> str:
    """Why these calls cannot be made one after the other; empty where they can."""
    results: list[object] = []
    for number, call in enumerate(calls):
        tool = _TOOLS[call.name]
        try:
            filled, wrong = ArgumentCheck(tool).filled(resolved(call.arguments, results))
        except LookupError as error:
            wrong = str(error)
        if wrong:
            return f"expected_tool_calls[{number}], {call.name}: {wrong}"
        assert tool.answer is not None
        results.append(tool.answer(filled))
    return ""


def _scenarios(folder: Path) -> dict[str, object]:
    """The entries of the scenario file in a folder or the one above, by scenario; empty where there is none.

    Raises:
        UserError: it is broken; names the file and the field.
    """
    path = next((p for p in (folder / SCENARIOS, folder.parent / SCENARIOS) if p.is_file()), None)
    if path is None:
        return {}
    entries = json_file(path, _ScenarioFile, RESTORE).scenarios
    found: dict[str, object] = {}
    for number, entry in enumerate(entries):
        name = entry.get("id")
        if not isinstance(name, str):
            raise UserError(f"{path}: scenarios[{number}].id: is missing or no text", RESTORE)
        place = RecordPlace(SCENARIOS, name)
        found[name] = place.bad("id", "is there twice", "leave one") if name in found else entry
    return found


def _likely_domain(scenario: str) -> str:
    """The domain whose name begins as that of the scenario; the first where none does."""
    begin = scenario.split("_")[0]
    return next((domain for domain in DOMAINS if domain.startswith(begin)), DOMAINS[0])


def _audio(folder: Path) -> Path | None:
    return next((path for name in _AUDIO if (path := folder / name).is_file()), None)


def _order(sample: Sample) -> tuple[int, list[tuple[bool, int, str]], str]:
    parts = re.split(r"(\d+)", sample.unit)
    numbered = [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
    return DOMAINS.index(sample.subset), numbered, sample.id
