"""The examples in the docstrings run and print what they say, and every module of operators and metrics has some."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("ops", "metrics", "models", "data")
WITHOUT = {  # helpers of the operators beside them, which are not called by themselves
    *("ops/__init__.py", "ops/receptive_field/__init__.py", "ops/receptive_field/rules.py"),
    *("ops/roi/__init__.py", "ops/roi/maxima.py", "ops/roi/reads.py"),
    *("metrics/__init__.py", "metrics/coco_copies.py", "metrics/detection_matching.py", "metrics/detection_pairs.py"),
}


def examples_of(path: Path) -> list[doctest.DocTest]:
    """Read from the source, since the checks of shapes hide a function's docstring from doctest's own finder."""
    tree, parser = ast.parse(path.read_text("utf-8")), doctest.DocTestParser()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = []
    for node in (node for node in ast.walk(tree) if isinstance(node, documented)):
        text, name = ast.get_docstring(node), getattr(node, "name", path.stem)
        if text and ">>>" in text:
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            line = 0 if isinstance(node, ast.Module) else node.body[0].lineno - 1
            found.append(parser.get_doctest(text, {"torch": torch, **vars(module)}, name, str(path), line))
    return found


SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / "lessons_lib" / folder).rglob("*.py"))
WRITTEN = [path for path in SOURCES if ">>>" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT / "lessons_lib")))
def test_examples_print_what_they_say(path):
    report = []
    for example in examples_of(path):
        doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert report == [], "".join(report)


def test_a_wrong_example_is_noticed(tmp_path, monkeypatch):
    (tmp_path / "wrong_example.py").write_text(
        'def two():\n    """\n    >>> two()\n    3\n    """\n    return 2\n', "utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    with pytest.raises(AssertionError, match="Expected"):
        test_examples_print_what_they_say(tmp_path / "wrong_example.py")


def test_every_operator_and_metric_has_an_example():
    modules = {str(path.relative_to(ROOT / "lessons_lib")) for path in SOURCES}
    measured = {name for name in modules if name.startswith(("ops/", "metrics/"))}
    written = {str(path.relative_to(ROOT / "lessons_lib")) for path in WRITTEN}
    assert measured - written - WITHOUT == set()
    assert measured >= WITHOUT
