"""Which answers of a notebook call the library's own functions, or whole operators of torch and others.

Found in the syntax tree, without running anything. What is put together from strings is not found.
"""

import ast
from collections.abc import Iterator
from typing import Any

from torch.nn import functional

from lessons_lib.course.exercises.engine.cells import id_of_definition
from lessons_lib.course.exercises.engine.exercise import find

WHOLE = ("lessons_lib", "torch.nn", "torchvision", "scipy", "pycocotools", "skimage", "cv2", "sklearn", "einops")
"""Packages whose functions may be the whole answer."""
COMMON = {
    "Module",
    "Parameter",
    "Sequential",
    "log_softmax",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
}
"""Names of torch.nn that are steps of an answer, never one."""


def shortcuts(notebook: dict[str, Any]) -> dict[str, list[str]]:
    """For each exercise in a notebook, the full names that its answer uses and the model answer does not.

    Followed are the notebook's imports, plain aliases (conv = F.conv2d), and its own functions that an answer calls.
    """
    trees = list(_trees(notebook))
    known = _Known(trees)
    found = {}
    for function in (node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)):
        exercise_id = id_of_definition(function)
        if exercise_id is None:
            continue
        usual = _identifiers(ast.parse(find(exercise_id).model_source()))
        names = known.used_by(function)
        found[exercise_id] = sorted(name for name in names if _whole(name) and name.split(".")[-1] not in usual)
    return found


def _whole(name: str) -> bool:
    """Whether a full name belongs to what may be the whole answer."""
    last = name.split(".")[-1]
    if last in COMMON:
        return False
    inside = any(name == package or name.startswith(f"{package}.") for package in WHOLE)
    return inside or (name.startswith("torch.") and name.count(".") == 1 and hasattr(functional, last))


class _Known:
    """What a notebook's names mean: imports, aliases, and the learner's own functions."""

    def __init__(self, trees: list[ast.Module]) -> None:
        self.meanings: dict[str, str] = {}
        self.functions: dict[str, ast.AST] = {}
        for tree in trees:
            for node in ast.walk(tree):
                self.meanings.update(_imported(node))
        for tree in trees:
            for node in tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and id_of_definition(node) is None:
                    self.functions[node.name] = node
                elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    meaning = self.meaning(node.value)
                    if meaning:
                        self.meanings[node.targets[0].id] = meaning

    def meaning(self, node: ast.AST) -> str:
        """F.conv2d → torch.nn.functional.conv2d; empty for what is no imported name."""
        if isinstance(node, ast.Name):
            return self.meanings.get(node.id, "")
        if isinstance(node, ast.Attribute):
            owner = self.meaning(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return ""

    def used_by(self, function: ast.FunctionDef | ast.ClassDef) -> set[str]:
        """The full names in a function and in the learner's own functions that it calls, and so on."""
        names: set[str] = set()
        waiting: list[ast.AST] = [function]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            own = {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}
            for used in self._references(node):
                root = used
                while isinstance(root, ast.Attribute):
                    root = root.value
                if isinstance(root, ast.Name) and root.id not in own:
                    names.add(self.meaning(used))
                    if root.id in self.functions:
                        waiting.append(self.functions[root.id])
        return names - {""}

    def _references(self, node: ast.AST) -> Iterator[ast.AST]:
        """The longest dotted names in a node; decorators are not part of an answer."""
        if isinstance(node, ast.Name | ast.Attribute) and self.meaning(node):
            yield node
            return
        if isinstance(node, ast.Name):
            yield node
        for field, value in ast.iter_fields(node):
            if field == "decorator_list":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._references(child)


def _imported(node: ast.AST) -> dict[str, str]:
    """The names that an import statement binds, with their full names."""
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.split(".")[0]: alias.name if alias.asname else alias.name.split(".")[0]
                for alias in node.names}  # fmt: skip
    if isinstance(node, ast.ImportFrom) and node.module:
        return {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return {}


def _identifiers(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def _trees(notebook: dict[str, Any]) -> Iterator[ast.Module]:
    """The code cells that are Python."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            lines = cell["source"].splitlines()
            try:
                yield ast.parse("\n".join("" if line.startswith(("%", "!")) else line for line in lines))
            except (SyntaxError, ValueError):
                continue
