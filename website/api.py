"""The library's reference: a page for each package, read from the source, without importing it."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGES = {
    "ops": "Operators",
    "models": "Networks",
    "metrics": "Metrics",
    "data": "Data",
    "training": "Training",
}


def api_pages(library: Path) -> dict[str, str]:
    """Page name → MyST source, for the packages that a reader of the lessons calls."""
    pages = {}
    for package, title in PACKAGES.items():
        sections = (_section(library, path) for path in sorted((library / package).rglob("*.py")))
        pages[package] = f"# {title}: lessons_lib.{package}\n\n" + "\n\n".join(filter(None, sections)) + "\n"
    return pages


def _section(library: Path, path: Path) -> str:
    """A module: what it is for, and its public classes and functions. A package's `__init__` only lends names."""
    if path.name == "__init__.py":
        return ""
    tree = ast.parse(path.read_text("utf-8"))
    module = ".".join(path.relative_to(library).with_suffix("").parts)
    return "\n\n".join([f"## {module}", _text(tree), *_members(tree, "")])


def _members(tree: ast.Module | ast.ClassDef, owner: str) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if owner and not ast.get_docstring(node):
            continue  # a method that its contract describes
        level = "####" if owner else "###"
        yield f"{level} {owner}{node.name}\n\n```python\n{signature(node)}\n```\n\n{_text(node)}"
        if isinstance(node, ast.ClassDef):
            yield from _members(node, f"{node.name}.")


def signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """How it is defined, in one line or, where that is too long, with an argument a line."""
    if isinstance(node, ast.ClassDef):
        fields = [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]
        bases = ", ".join(map(ast.unparse, node.bases))
        return "\n    ".join([f"class {node.name}({bases}):" if bases else f"class {node.name}:", *fields])
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"def {node.name}({ast.unparse(node.args)}){returns}"
    if len(line) <= 100:
        return line
    arguments = "".join(f"\n    {one}," for one in re.split(r", (?=\*?\w+:|\*,|\*\w+)", ast.unparse(node.args)))
    return f"def {node.name}({arguments}\n){returns}"


def _text(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    return markdown(ast.get_docstring(node) or "")


def markdown(docstring: str) -> str:
    """A docstring as Markdown: the sections become lists, and the examples code."""
    blocks, section = [], ""
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        if block.lstrip().startswith(">>>"):
            blocks.append(f"```python\n{inspect.cleandoc(block)}\n```")
            continue
        first, _, rest = block.partition("\n")
        if found := re.fullmatch(r"(Args|Attributes|Returns|Raises|Yields|Example|Examples|Source):", first):
            section = found[1]
            blocks.append(f"**{section}**")
            block = rest
        if section in ("Args", "Attributes", "Raises") and block.strip():
            blocks.append(_list(inspect.cleandoc("\n" + block)))
        elif block.strip().startswith(">>>"):
            blocks.append(f"```python\n{inspect.cleandoc(block)}\n```")
        elif block.strip():
            blocks.append(inspect.cleandoc(block))
    return "\n\n".join(blocks)


def _list(entries: str) -> str:
    """`name: what it is`, continued by indented lines, as list items."""
    items = re.split(r"\n(?=\S)", entries)
    named = (re.sub(r"^([\w*, ]+)( \([^)]*\))?:", r"`\1`\2:", " ".join(item.split())) for item in items)
    return "\n".join(f"- {item}" for item in named)
