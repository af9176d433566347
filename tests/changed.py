"""The unit tests of what changed since a revision: python -m tests.changed [REVISION] prints their files.

A test file belongs to a module when it stands in the mirrored place or imports the module by name. What only leans on
a changed module through another one is left to the whole of `make test`.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("lessons_lib", "data_scripts", "benchmarks", "notebooks", "website")
APART = ("tests/browser", "tests/errors", "tests/notebooks")
"""Tests that have a target of their own in the Makefile, because they need a browser, kernels or no type checks."""
READERS = {
    "tests/test_examples.py": r"lessons_lib/(ops|metrics|models|data)/",
    "tests/test_mutants.py": r"lessons_lib/(ops|metrics|models)/",
    "tests/test_docs.py": r"[A-Z]+\.md|docs/|Makefile|pyproject\.toml|constraints\.txt",
}
"""Tests that read files without importing them: which files each reads."""


def changed_files(revision: str) -> list[str]:
    """Files that differ from the revision, with those that git does not track yet."""
    commands = [["diff", "--name-only", revision], ["ls-files", "--others", "--exclude-standard"]]
    outputs = [subprocess.run(["git", *c], cwd=ROOT, capture_output=True, text=True, check=True) for c in commands]
    return sorted({line for output in outputs for line in output.stdout.splitlines()})


def imported_modules(source: str) -> set[str]:
    """Full names of all that a source imports; `from a import b` gives a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def chosen_tests(changed: list[str], tests: dict[str, str]) -> list[str]:
    """The test files, of path → source, that belong to the changed files."""
    modules, stems = set(), set()
    for name in changed:
        path = Path(name)
        if path.suffix == ".py" and path.parts[0] in SOURCES:
            modules.add(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
            home = Path("tests", *(path.parts[1:-1] if path.parts[0] == "lessons_lib" else path.parts[:-1]))
            stems.add(str(home / f"test_{path.stem}"))
    chosen = []
    for name, source in tests.items():
        mirrored = any(name.removesuffix(".py").startswith(stem) for stem in stems)
        read = name in READERS and any(re.match(READERS[name], path) for path in changed)
        if name in changed or mirrored or read or modules & imported_modules(source):
            chosen.append(name)
    return sorted(chosen)


def main(arguments: list[str]) -> int:
    """Prints the test files, one per line; with none changed, the tests of the house alone."""
    revision = arguments[0] if arguments else "HEAD"
    paths = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    tests = {name: (ROOT / name).read_text("utf-8") for name in paths if not name.startswith(APART)}
    print("\n".join(sorted({*chosen_tests(changed_files(revision), tests), "tests/test_house.py"})))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
