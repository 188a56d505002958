"""Whether data and adapter are the same: hashes that no class name, Python version or place decides.

A sample's hash is the SHA-256 of canonical JSON (keys sorted, no spaces, ASCII) of its id, subset, script and
reference:

- a dataclass, ``msgspec.Struct`` or named tuple is an object of its fields that are not at their default,
  without the name of its class; a struct's tag, and the kind of a cue, tell apart what has the same fields;
- audio and video stand as the SHA-256 of their content, null where a file cannot be read; other paths are
  relative to the data's folder, or the bare name where they lie elsewhere;
- enumerations stand as their value, sets sorted, numbers as Python prints them;
- what is wrong with a sample (``problem``), remarks and labels are left out; `unhashed_fields` gives these.

The hash of data is that of an object of its samples' hashes by id, after ``json1:``, the name of this scheme.

An adapter is made of its own Python files, found without running any: its module, or all modules of its
package, and whatever these import from its own folder, that of its file or the package that it lies in. What
the harness or other packages hold is told by their versions.
"""

import ast
import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec

from tml_bench.errors import UserError
from tml_bench.files import file_sha256
from tml_bench.plugins import AdapterSpec, given_sha256, registered
from tml_bench.runs.legacy_hash import legacy_sha256
from tml_bench.samples import AfterModelStops, At, IntoModelSpeech, Sample, Script, Waveform
from tml_bench.scenario import Scenario
from tml_bench.users.staged import staged_lines
from tml_bench.users.voicing import FILLERS, voiced_sha256

SCHEME = "json1"
"""Of data hashes; those without a scheme are of version 0.1.0, see ``legacy_hash``."""

_CUES = {At: "at", AfterModelStops: "after_model_stops", IntoModelSpeech: "into_model_speech"}

_Fields = tuple[tuple[str, Callable[[], object] | None], ...]
"""Names of a class's fields, each with what makes its default; None where it has none."""


def sample_hashes(samples: Sequence[Sample], data: Path | None) -> dict[str, str]:
    """Hexadecimal, by sample id; the mini set has no ``data``; raises `UserError` for what has no fields."""
    root = data.resolve() if data is not None else None
    return {sample.id: _sha256(_sample(sample, root)) for sample in samples}


def dataset_sha256(hashes: Mapping[str, str]) -> str:
    """The hash of data made of these samples, whatever their order, with the name of its scheme."""
    return f"{SCHEME}:{_sha256(dict(hashes))}"


def unhashed_fields(samples: Sequence[Sample]) -> Iterator[tuple[object, ...]]:
    """What scores may hang on and no hash of a sample tells, of each, as JSON can hold it."""
    return (
        (
            s.id, s.unit, s.scored, s.problem, s.notes, s.languages, sorted(s.companions.items()),
            [turn.label for turn in s.script.turns],
        )
        for s in samples
    )  # fmt: skip


def is_same_data(stored: str, samples: Sequence[Sample], data: Path | None) -> bool:
    """Whether the data of a stored run, by its hash of any version, is made of exactly these samples."""
    if stored.startswith(f"{SCHEME}:"):
        return stored == dataset_sha256(sample_hashes(samples, data))
    return stored == legacy_sha256(samples)


def _sha256(value: object) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sample(sample: Sample, root: Path | None) -> dict[str, object]:
    try:
        named: dict[str, object] = {
            "id": sample.id,
            "subset": sample.subset,
            "script": _script(sample.script, root),
            "reference": _record(sample.reference, root),
        }
        if sample.scenario is not None:
            named["scenario"] = _scenario(sample.scenario, root)
        return named
    except TypeError as error:
        raise UserError(
            f"sample {sample.id}: {error}",
            "make its annotation of dataclasses, msgspec.Structs, numbers, texts, lists and dicts",
        ) from None


def _script(script: Script, root: Path | None) -> dict[str, object]:
    turns = [_record(t, root, but=("audio", "label")) | {"audio": _content(t.audio)} for t in script.turns]
    videos = [_record(v, root, but=("path",)) | {"video": _content(v.path)} for v in script.videos]
    history = [_record(m, root, but=("audio",)) | {"audio": _content(m.audio)} for m in script.history]
    tools = [_record(tool, root, but=("answer",)) for tool in script.tools]
    more = _record(script, root, but=("turns", "videos", "history", "tools", "world"))
    return more | {"turns": turns, "videos": videos, "history": history, "tools": tools}


def _scenario(scenario: Scenario, root: Path | None) -> dict[str, object]:
    record = _record(scenario, root, but=("voiced",))
    if scenario.voiced is None:
        return record
    lines = (*staged_lines(scenario), *FILLERS)
    return record | {"voiced": voiced_sha256((scenario.voiced,), scenario.voice, lines)}


def _content(media: Path | Waveform | None) -> str | None:
    if isinstance(media, Waveform):
        digest = hashlib.sha256(f"{media.rate} Hz ".encode())
        digest.update(media.samples.astype("<f4").tobytes())
        return digest.hexdigest()
    try:
        return file_sha256(media) if media is not None else None
    except OSError:
        return None


def _plain(value: object, root: Path | None) -> object:
    """A value as JSON has it; raises ``TypeError`` for what has no fields."""
    match value:
        case Enum():
            return _plain(value.value, root)
        case None | bool() | int() | float() | str():
            return value
        case Path():
            inside = root is not None and value.is_relative_to(root)
            return value.relative_to(cast(Path, root)).as_posix() if inside else value.name
        case Waveform():
            return _content(value)
        case Mapping():
            return {
                key if isinstance(key, str) else _canonical(_plain(key, root)).decode(): _plain(item, root)
                for key, item in value.items()
            }
        case set() | frozenset():
            return sorted((_plain(item, root) for item in value), key=_canonical)
        case list() | tuple() if not hasattr(value, "_fields"):
            return [_plain(item, root) for item in value]
    if hasattr(value, "tolist"):  # of numpy
        return _plain(value.tolist(), root)
    return _record(value, root)


def _record(value: object, root: Path | None, but: Collection[str] = ()) -> dict[str, object]:
    """The fields of a value that are not at their default, but for some; ``root`` is the data's folder."""
    kind: type = type(value)
    record: dict[str, object] = {}
    if kind in _CUES:
        record["kind"] = _CUES[kind]
    elif isinstance(value, msgspec.Struct) and value.__struct_config__.tag is not None:
        record[str(value.__struct_config__.tag_field)] = value.__struct_config__.tag
    for name, default in _fields(kind) or _attributes(value):
        if name not in but:
            plain = _plain(getattr(value, name), root)
            if default is None or plain != _plain(default(), root):
                record[name] = plain
    return record


@cache
def _fields(kind: type) -> _Fields:
    found: Sequence[Any]
    missing: object
    if dataclasses.is_dataclass(kind):
        found, missing = dataclasses.fields(kind), dataclasses.MISSING
    elif issubclass(kind, msgspec.Struct):
        found, missing = msgspec.structs.fields(kind), msgspec.NODEFAULT
    else:
        defaults: Mapping[str, object] = getattr(kind, "_field_defaults", {})
        names: tuple[str, ...] = getattr(kind, "_fields", ())
        return tuple((name, _maker(defaults.get(name, None), None, None)) for name in names)
    return tuple((f.name, _maker(f.default, f.default_factory, missing)) for f in found)


def _attributes(value: object) -> _Fields:
    if callable(value) or not hasattr(value, "__dict__"):
        raise TypeError(f"a {type(value).__name__} has no fields to hash")
    return tuple((name, None) for name in vars(value))


def _maker(default: object, factory: object, missing: object) -> Callable[[], object] | None:
    if factory is not missing and factory is not None:
        return cast(Callable[[], object], factory)
    return None if default is missing else lambda: default


def adapter_sources(spec: AdapterSpec) -> dict[str, str]:
    """SHA-256 of each own file of an adapter whose class is loaded, by its path in the adapter's folder.

    Hexadecimal, in the order of the paths; none for an adapter whose files are not on disk.
    """
    if code := given_sha256(spec.target):
        return {f"code of {spec.target}": code}
    if ".py:" in spec.target:
        file = Path(spec.target.rpartition(":")[0])
        return _hashes([file], file.parent, "")
    point = registered("adapter").get(spec.target)
    module = sys.modules.get(point.module) if point else None
    file = Path(getattr(module, "__file__", None) or "")
    if module is None or not file.is_file():
        return {}
    package, _, _ = module.__name__.rpartition(".")
    if file.name != "__init__.py":
        return _hashes([file], file.parent, package) if package else _hashes([file], None, "")
    folder = file.parent if not package else file.parent.parent
    return _hashes(sorted(file.parent.rglob("*.py")), folder, package or module.__name__)


def own_files(file: Path) -> list[Path]:
    """A Python file, and all that it imports from its own folder, directly or not."""
    return [file.parent / name for name in _hashes([file], file.parent, "")]


def adapter_distribution(spec: AdapterSpec) -> str:
    """Name and version of the package that installed a third party's adapter, such as ``agent 1.2``.

    Empty for this project's own adapters, whose version is the harness's, and for files.
    """
    point = None if ".py:" in spec.target else registered("adapter").get(spec.target)
    if point is None or point.dist is None or point.module.startswith("tml_bench."):
        return ""
    return f"{point.dist.name} {point.dist.version}"


def contradiction(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """In what two reports of a model of itself differ, of what both tell; empty when in nothing."""
    return ", ".join(
        f"{name.replace('_', ' ')} {before[name] or 'none'} there and {said or 'none'} now"
        for name, said in now.items()
        if before.get(name, said) != said
    )


def _hashes(files: list[Path], folder: Path | None, package: str) -> dict[str, str]:
    """Hashes of files and of what they import from a folder, that of a package; None follows nothing."""
    found: dict[str, str] = {}
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        name = file.relative_to(folder).as_posix() if folder else file.name
        if name in found:
            continue
        content = file.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
        if folder:
            waiting += _imported(content, file, folder, package)
    return dict(sorted(found.items()))


def _imported(content: bytes, file: Path, folder: Path, package: str) -> Iterator[Path]:
    for level, dotted in _imports(content):
        if level:
            above = [file, *file.parents][level]
            yield from _modules(above, dotted.split(".")) if above.is_relative_to(folder) else ()
        elif not package:
            yield from _modules(folder, dotted.split("."))
        elif dotted.startswith(f"{package}."):
            yield from _modules(folder, dotted.removeprefix(f"{package}.").split("."))


@cache
def _imports(content: bytes) -> tuple[tuple[int, str], ...]:
    """What a module imports: how many dots, and the dotted name with what is imported from it."""
    found: set[tuple[int, str]] = set()
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        return ()  # whoever imports it is told
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {(0, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = f"{node.module}." if node.module else ""
            found |= {(node.level, base + alias.name) for alias in node.names}
    return tuple(sorted(found))


def _modules(folder: Path, names: list[str]) -> Iterator[Path]:
    """The files of a dotted name in a folder, its packages included; those that exist."""
    for depth in range(1, len(names) + 1):
        place = folder.joinpath(*names[:depth])
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())
