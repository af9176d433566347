"""The small changes that `tests.mutants` tries, one at a time, found in the syntax tree of a file."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SWAPS: dict[type, type] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.And: ast.Or, ast.Or: ast.And, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
BUILT_IN = {"any": "all", "all": "any", "min": "max", "max": "min"}
METHODS = {
    **BUILT_IN,
    **{"amin": "amax", "amax": "amin", "sum": "mean", "mean": "sum", "minimum": "maximum", "maximum": "minimum"},
    **{"floor": "ceil", "ceil": "floor", "zeros": "ones", "ones": "zeros", "new_zeros": "new_ones"},
    **{"argmax": "argmin", "argmin": "argmax", "cumsum": "cumprod", "rows": "columns", "columns": "rows"},
}
Site = tuple[ast.AST, str, int | None, object, str]
"""(node, field, index in the field or None, what stands there instead, the change in words)."""


@dataclass(frozen=True)
class Mutant:
    """One change: `key` says what without the line, so that it stays the same when lines above change."""

    file: str
    number: int
    line: int
    key: str

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line} {self.key}"

    @property
    def identity(self) -> str:
        """The same when lines above change."""
        return f"{self.file} {self.key}"

    def source(self, text: str) -> str:
        """All of the file's `text` with the change in it."""
        tree = ast.parse(text)
        node, field, index, new, _ = next(site for i, (site, _) in enumerate(_sites(tree)) if i == self.number)
        if index is None:
            setattr(node, field, new)
        else:
            getattr(node, field)[index] = new
        return ast.unparse(ast.fix_missing_locations(tree))


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Every mutant of a file, in the order of its lines; docstrings, annotations, imports and messages stay."""
    found, seen = [], Counter[str]()
    for number, ((*_, what), statement) in enumerate(_sites(ast.parse(text))):
        key = f"{what} in: {ast.unparse(statement).splitlines()[0][:90]}"
        seen[key] += 1
        found.append(Mutant(file, number, statement.lineno, key + (f" ({seen[key]})" if seen[key] > 1 else "")))
    return found


def _sites(tree: ast.AST) -> Iterator[tuple[Site, ast.stmt]]:
    """Every change that can be made, with the statement that it is in."""
    for node, statement in _code(tree, None):
        for site in (*_of_expressions(node), *_of_statements(node)):
            yield site, statement


def _of_expressions(node: ast.AST) -> Iterator[Site]:
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPS:
        new = SWAPS[type(node.op)]
        yield node, "op", None, new(), f"{type(node.op).__name__} → {new.__name__}"
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            new = SWAPS[type(operator)]
            yield node, "ops", index, new(), f"{type(operator).__name__} → {new.__name__}"
    if isinstance(node, ast.Attribute) and node.attr in METHODS:
        yield node, "attr", None, METHODS[node.attr], f"{node.attr} → {METHODS[node.attr]}"
    if isinstance(node, ast.Name) and node.id in BUILT_IN:
        yield node, "id", None, BUILT_IN[node.id], f"{node.id} → {BUILT_IN[node.id]}"
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        value = (not node.value) if isinstance(node.value, bool) else node.value + 1
        yield node, "value", None, value, f"{node.value!r} → {value!r}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node, "op", None, ast.UAdd(), "sign left out"
    if isinstance(node, ast.If | ast.IfExp):
        yield node, "test", None, ast.UnaryOp(ast.Not(), node.test), "condition turned round"
    if isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield node, "value", None, ast.Constant(None), "None returned"


def _of_statements(node: ast.AST) -> Iterator[Site]:
    """A statement left out: a call, an assignment to what exists already, an error."""
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        if isinstance(block, list) and not isinstance(node, ast.Module | ast.ClassDef):
            for index, statement in enumerate(block):
                docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
                if isinstance(statement, ast.Expr | ast.AugAssign | ast.Raise) and not docstring:
                    what = ast.unparse(statement).splitlines()[0][:50]
                    yield node, field, index, ast.Pass(), f"left out: {what}"


def _is_strict(node: ast.AST) -> bool:
    """Whether it is the `strict=True` of a zip, which only says what holds anyway."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def _code(node: ast.AST, statement: ast.stmt | None) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """All nodes with their statements; without docstrings, annotations, decorators, imports, the words of errors
    and `strict`."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list") or (field == "value" and _is_strict(node)):
            continue
        for child in value if isinstance(value, list) else [value]:
            skipped = isinstance(child, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Raise)
            docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if not isinstance(child, ast.AST) or skipped or docstring:
                continue
            inside = child if isinstance(child, ast.stmt) else statement
            if inside is not None:
                yield child, inside
            yield from _code(child, inside)
