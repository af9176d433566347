"""The documents in step with the code: the commands and files they name, the folders, the dependencies and pins."""

import ast
import importlib
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "lessons_lib"
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Installed for what it does, not for what it imports as: where it is used, and the words that use it.
RUN_NOT_IMPORTED = {
    "jupyterlab": ("lessons_lib/course/launch.py", '"jupyterlab"'),
    "ipykernel": ("lessons_lib/course/doctor.py", '"ipykernel"'),
    "pytest-xdist": ("Makefile", " -n 2 "),
    "beartype": ("Makefile", "beartype.beartype"),
    "ruff": ("Makefile", "-m ruff check"),
    "mypy": ("Makefile", "-m mypy"),
    "pre-commit": (".pre-commit-config.yaml", "pre-commit install"),
    "nbval": ("tests/notebooks/test_run.py", '"--nbval"'),
    "myst-parser": ("website/conf.py", '"myst_parser"'),
    "sphinx-book-theme": ("website/conf.py", '"sphinx_book_theme"'),
}
IMPORTED_AS = {"pillow": "PIL", "ipython": "IPython", "pyyaml": "yaml"}


def names(requirements: list[str]) -> list[str]:
    return [re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements]


def versions(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


RUNTIME, DEV = names(PROJECT["dependencies"]), names(PROJECT["optional-dependencies"]["dev"])


def imported(sources: list[str]) -> set[str]:
    """Top-level names that these sources cannot do without, and that are neither the standard library's nor our own.

    What stands in a `try` is a peer that a benchmark compares with where it happens to be installed.
    """
    found = set()
    for source in sources:
        tree = ast.parse(source)
        tried = {inner for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in node.body}
        for node in ast.walk(tree):
            if node in tried:
                continue
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split(".")[0])
    return (
        found
        - set(sys.stdlib_module_names)
        - {"lessons_lib", "data_scripts", "benchmarks", "notebooks", "tests", "website"}
    )


@cache
def imported_by_the_course() -> set[str]:
    folders = [ROOT / name for name in ("lessons_lib", "data_scripts", "benchmarks", "notebooks")]
    sources = [path.read_text("utf-8") for folder in folders for path in folder.rglob("*.py")]
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        sources += ["\n".join(line for line in cell.splitlines() if not line.startswith(("%", "!"))) for cell in cells]
    return imported(sources)


@cache
def imported_by(*folders: str) -> set[str]:
    return imported([path.read_text("utf-8") for name in folders for path in (ROOT / name).rglob("*.py")])


def test_every_import_is_declared():
    declared = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in RUNTIME}
    assert imported_by_the_course() - declared == set()
    assert imported_by("tests") - declared - {name.replace("-", "_") for name in DEV} == set()


@pytest.mark.parametrize("name", [*RUNTIME, *DEV])
def test_nothing_is_installed_that_is_not_used(name):
    if name in RUN_NOT_IMPORTED:
        path, words = RUN_NOT_IMPORTED[name]
        assert words in (ROOT / path).read_text("utf-8")
        return
    there = imported_by("tests", "website") if name in DEV else imported_by_the_course()
    assert IMPORTED_AS.get(name, name.replace("-", "_")) in there


def test_every_dependency_is_pinned_to_a_version_it_allows():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines if line and not line.startswith("#"))
    for requirement in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]:
        name, lowest = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement).groups()
        assert versions(pins[name.lower().replace("_", "-")]) >= versions(lowest), requirement
    assert not [line for line in lines if line.startswith("-") or "://" in line or "@" in line], "pins only"
    assert not [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))], "torch brings its own"


def test_conda_environment_is_python_and_the_same_packages():
    lines = [line.strip() for line in (ROOT / "environment.yml").read_text("utf-8").splitlines()]
    items = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    assert items[-4:] == ["pip", "pip:", "-c constraints.txt", "-e .[dev]"]
    assert items[:-4] == ["conda-forge", f"python{PROJECT['requires-python']},<3.14"]


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_in_documents_exist(document):
    text = (ROOT / document).read_text("utf-8")
    assert set(re.findall(r"(?:^ {4}|^|`)make ([a-z]+)", text, re.MULTILINE)) <= makefile_targets()
    from lessons_lib.__main__ import parser

    for command in re.findall(r"python -m lessons_lib ([a-z]+[^`\n#>]*)", text):  # up to where its output goes
        words = command.replace("FOLDER", "folder").replace("[", "").replace("]", "").split()
        parser().parse_args(words)  # exits, which fails the test, when there is no such verb or option
    for module, rest in re.findall(r"python -m (data_scripts\.\w+)([^`\n#>]*)", text):
        script = importlib.import_module(module)
        if hasattr(script, "parser"):
            script.parser().parse_args(rest.split())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_in_documents_exist(document):
    text, home = (ROOT / document).read_text("utf-8"), (ROOT / document).parent
    paths = re.findall(r"\b(?:notebooks|lessons_lib|tests|data_scripts|benchmarks|docs|website)/[\w./-]*\w", text)
    named = {path for path in paths if not re.search("NN|NAME|my_course", path)}
    links = set(re.findall(r"\]\(([^):#]+)\)", text))
    assert {path for path in named if not (ROOT / path).exists()} == set()
    assert {path for path in links if not (home / path).exists()} == set()


def test_makefile_help_names_every_public_target():
    helped = set(re.findall(r'echo "make ([a-z]+)', (ROOT / "Makefile").read_text("utf-8")))
    everyday = {"lab", "test", "check", "lessons", "format", "reset"}
    assert helped == everyday | {"bench", "gpu", "mutants", "checkpoints", "site"}
    assert helped <= makefile_targets()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_readme_links_every_lesson(path):
    assert f"](notebooks/{path.name})" in (ROOT / "README.md").read_text("utf-8")


PARTS = sorted(
    path for path in LIBRARY.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
)  # the modules and packages of lessons_lib
FOLDERS = ["notebooks", "data_scripts", "benchmarks", "website", "results", "tests"]


@pytest.mark.parametrize("entry", [f"lessons_lib/{path.name}/" for path in PARTS if path.is_dir()] + FOLDERS)
def test_readme_names_every_folder(entry):
    """In the first column of the map's rows."""
    rows = re.findall(r"^\| \[`([\w/]+)`\]", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert entry.rstrip("/") in {row.rstrip("/") for row in rows}


@pytest.mark.parametrize("name", [path.name for path in PARTS if path.is_file() and path.name != "__init__.py"])
def test_readme_names_every_module_of_the_first_level(name):
    assert f"`{name}`" in (ROOT / "README.md").read_text("utf-8")
