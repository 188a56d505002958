"""The mutations of a Python file: one small change each, made in its text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CLAMPS = frozenset(
    {"max", "min", "clip", "maximum", "minimum", "abs", "round", "rint", "floor", "ceil", "sorted"}
)


LARGE = 100
"""A constant at least so large is doubled rather than changed by one."""
SKIPPED = frozenset({"annotation", "returns", "decorator_list", "type_params"})
"""Fields of a node in which nothing is changed."""


class Mutant(NamedTuple):
    """One change of one file.

    Attributes:
        path: of the file, relative to the checkout.
        line: where it is, from 1.
        statement: where the statement begins that it is in.
        text: the file with the change.
    """

    path: str
    line: int
    statement: int
    text: str


def mutants(path: str, source: str) -> Iterator[Mutant]:
    """Every mutation of a file; annotations, f-strings, decorators and what is raised are left alone.

    Args:
        path: of the file, relative to the checkout.
        source: its text.
    """
    raw = source.encode()
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text.encode()))
    for node, statement, replacement in _mutations(ast.parse(source), 1):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        text = (raw[:begin] + replacement.encode() + raw[end:]).decode()
        yield Mutant(path, node.lineno, statement, text)


def _mutations(node: ast.AST, statement: int) -> Iterator[tuple[Any, int, str]]:
    """Nodes, the line of their statement, and the text that takes their place."""
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.stmt):
        statement = node.lineno
    for changed, text in _of_statement(node) if isinstance(node, ast.stmt) else _of_expression(node):
        yield changed, statement, text
    for name, value in ast.iter_fields(node):
        if name not in SKIPPED:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _mutations(child, statement)


def _of_statement(node: ast.stmt) -> Iterator[tuple[Any, str]]:
    match node:
        case ast.Return(value=ast.Constant(value=None)):
            return
        case ast.Return(value=ast.expr() as value):
            yield value, "None"
        case ast.AugAssign() if type(node.op) in OPERATORS:
            new = OPERATORS[type(node.op)]()
            yield node, ast.unparse(ast.AugAssign(node.target, new, node.value))
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield node, "pass"
        case ast.If() | ast.While():
            yield node.test, f"(not {ast.unparse(node.test)})"
        case ast.Continue():
            yield node, "break"


def _of_expression(node: ast.AST) -> Iterator[tuple[Any, str]]:
    for new in _replacements(node):
        yield node, f"({ast.unparse(new)})"
    match node:
        case ast.Slice():
            for end in ("lower", "upper"):
                if text := _moved(node, end):
                    yield node, text
        case ast.comprehension():
            for test in node.ifs:
                yield test, f"(not {ast.unparse(test)})"


def _replacements(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Compare():
            for k, op in enumerate(node.ops):
                for other in COMPARISONS[type(op)]:
                    yield ast.Compare(
                        node.left, [*node.ops[:k], other(), *node.ops[k + 1 :]], node.comparators
                    )
        case ast.BinOp() if type(node.op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield node.operand
        case ast.IfExp():
            yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float() as number):
            # One more or less of a million is nothing a test could or should see.
            changed = [2 * number] if abs(number) >= LARGE else [number + 1, number - 1]
            yield from map(ast.Constant, changed)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in CLAMPS:
            yield from (argument for argument in node.args if not isinstance(argument, ast.Starred))


def _moved(node: ast.Slice, end: str) -> str:
    """The slice with one end a place later; empty where it has no upper end."""
    old = getattr(node, end)
    if old is None and end == "upper":
        return ""
    new = ast.Constant(1) if old is None else ast.BinOp(old, ast.Add(), ast.Constant(1))
    lower, upper = (new, node.upper) if end == "lower" else (node.lower, new)
    return ast.unparse(ast.Slice(lower, upper, node.step))
