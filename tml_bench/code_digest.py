"""A hash of code that may lie in no file, such as a class of a notebook, with all it refers to of its own.

It is of what will run, not of what a file says by now: the bytecode of a class and of the classes, functions
and values it refers to, as far as these belong to the user (not to Python, to a package or to the harness).
Places and line numbers do not count; another minor version of Python gives another hash.
"""

import hashlib
import inspect
import json
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType

_PLUMBING = frozenset(
    (
        "__dict__", "__weakref__", "__module__", "__doc__", "__abstractmethods__", "__firstlineno__",
        "_abc_impl",
    )
)  # fmt: skip
_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def code_sha256(thing: object) -> str:
    """The hash of a class, or of an object.

    An object's is of its class and of what its constructor was given, as far as it keeps that under the same
    name, or the same after an underscore. It is the same in every process of one minor version of Python.
    """
    made = thing if isinstance(thing, type) else type(thing)
    kept: dict[str, object] = {}
    if thing is not made:
        names = inspect.signature(made).parameters
        kept = {name: getattr(thing, name, getattr(thing, f"_{name}", None)) for name in names}
    told = _told([made, kept], {})
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _told(value: object, seen: dict[int, object]) -> object:
    """What a value is made of, as plain data; what was told before is only referred to."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, set | frozenset):
        return sorted((_told(item, {}) for item in value), key=str)
    if isinstance(value, tuple):  # equal ones may be one object, or not
        return [_told(item, seen) for item in value]
    if id(value) in seen:
        return "above"
    seen[id(value)] = value
    if isinstance(value, Mapping):
        return {str(key): _told(item, seen) for key, item in value.items()}
    if isinstance(value, list):
        return [_told(item, seen) for item in value]
    if isinstance(value, CodeType):
        shape = (value.co_consts, value.co_names, value.co_varnames, value.co_freevars, value.co_flags)
        return [value.co_code.hex(), _told(shape, seen)]
    if isinstance(value, property):
        return _told([value.fget, value.fset], seen)
    if isinstance(value, ModuleType):
        file = Path(value.__file__ or "") if _is_users(value.__name__) else Path()
        return [value.__name__, hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""]
    if isinstance(value, type | FunctionType):
        name = f"{value.__module__}.{value.__qualname__}"
        return _told(_parts(value), seen) if _is_users(value.__module__) else name
    if (inner := getattr(value, "__wrapped__", getattr(value, "__func__", None))) is not None:
        return [type(value).__name__, _told(inner, seen)]
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return [str(value.dtype), hashlib.sha256(value.tobytes()).hexdigest()]
    return _told(type(value), seen)


def _parts(value: type | FunctionType) -> list[object]:
    """Of a class, name, bases and members; of a function, code, defaults, and what it names from outside."""
    if isinstance(value, type):
        members = {name: member for name, member in vars(value).items() if name not in _PLUMBING}
        return [value.__qualname__, value.__bases__, members]
    names = sorted(_names(value.__code__) & value.__globals__.keys())
    return [
        value.__code__,
        value.__defaults__,
        value.__kwdefaults__,
        [_content(cell) for cell in value.__closure__ or ()],
        {name: value.__globals__[name] for name in names},
    ]


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "empty"


def _names(code: CodeType) -> set[str]:
    inner = (_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return set(code.co_names).union(*inner)


def _is_users(module: str | None) -> bool:
    """Whether a module is of the user's own making."""
    top = (module or "").partition(".")[0]
    if top == "__main__":
        return True
    file = getattr(sys.modules.get(module or ""), "__file__", None) or ""
    installed = file.startswith(_INSTALLED) or "site-packages" in file
    return bool(top) and top != "tml_bench" and top not in sys.stdlib_module_names and not installed
