"""Commands and texts under every encoding: what is printed survives, what is read and written names its encoding."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lessons_lib.__main__ import parser
from lessons_lib.terminal import CLOSED, parsed

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("lessons_lib", "data_scripts", "benchmarks", "notebooks")
SOURCES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
NOT_FILES = {"Image", "os", "tarfile", "zipfile", "gzip", "webbrowser", "file"}  # `file` is an open zip there


def unnamed(source):
    """The calls of a source that open a text without its encoding, as (line, call)."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
            continue
        if isinstance(node.func, ast.Name):
            name, owner = node.func.id, None
        elif isinstance(node.func, ast.Attribute):
            name, owner = node.func.attr, getattr(node.func.value, "id", "")
        else:
            continue
        words = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        binary = any(len(word) <= 4 and "b" in word for word in words)
        bare = {"read_text": len(node.args) == 0, "write_text": len(node.args) < 2, "open": not binary}
        if bare.get(name) and not (name == "open" and owner in NOT_FILES):
            found.append((node.lineno, ast.unparse(node)))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_text_names_its_encoding(path):
    assert unnamed(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("open(a)", 1),
        ("open(a, 'w')", 1),
        ("open(a, 'rb')", 0),
        ("open(a, encoding='utf-8')", 0),
        ("path.open('w', newline='')", 1),
        ("path.open('xb')", 0),
        ("path.read_text()", 1),
        ("path.read_text('utf-8-sig')", 0),
        ("path.write_text(text)", 1),
        ("path.write_text(text, 'utf-8')", 0),
        ("Image.open(path)", 0),
    ],
)
def test_what_counts_as_unnamed(source, count):
    assert len(unnamed(source)) == count


NARROW = {
    "cp1252": {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
    "plain C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def command(*words, environment):
    environment = {**os.environ, **environment}
    return subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, timeout=600)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A set whose findings hold ≤ and a name that no narrow encoding has."""
    root = tmp_path_factory.mktemp("damaged")
    (root / "training" / "A1").mkdir(parents=True)
    for name in ("plant一_rgb.png", "plant≤_rgb.png"):
        (root / "training" / "A1" / name).write_bytes(b"no image")
    return root


@pytest.mark.parametrize("narrow", NARROW)
def test_the_validator_says_all_of_it(damaged, narrow):
    run = command("-m", "data_scripts.validate", str(damaged), environment=NARROW[narrow])
    assert run.returncode == 1, run.stderr
    lines = run.stdout.decode("latin-1").splitlines()
    assert lines[-1].split() == ["findings", "4"] and len(lines) > 6 and b"Traceback" not in run.stderr


COMMANDS = [
    ("-m", "data_scripts.download"),
    ("-m", "data_scripts.download", "cityscapes", "--about"),
    ("-m", "data_scripts.validate", "--help"),
    ("-m", "data_scripts.make_scenes", "--help"),
    ("-m", "lessons_lib", "--help"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[1:]))
def test_every_command_speaks_through_a_narrow_terminal(words):
    run = command(*words, environment={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert (run.returncode, run.stderr) == (0, b"") and len(run.stdout) > 100


def test_nothing_reads_or_writes_in_the_encoding_of_the_machine(tmp_path):
    """Python itself warns of every text that is opened without an encoding (PEP 597), in our code or below it."""
    script = tmp_path / "script.py"
    script.write_text(
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from data_scripts.make_scenes import LAYOUTS, make_scenes\n"
        "from data_scripts.validate import validate\n"
        "from lessons_lib.data.scenes import PRESETS\n"
        "import warnings; warnings.simplefilter('error', EncodingWarning)\n"
        f"home = Path({str(tmp_path)!r})\n"
        "for layout in LAYOUTS:\n"
        "    make_scenes(layout, home / layout, 1, replace(PRESETS['easy'], size=32, objects=(2, 3)))\n"
        "    assert validate(home / layout).findings == []\n",
        encoding="utf-8",
    )
    run = command("-X", "warn_default_encoding", str(script), environment={"PYTHONPATH": str(ROOT)})
    assert run.returncode == 0, run.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="needs a shell with pipes")
@pytest.mark.parametrize("words", [*COMMANDS[:2], ("-m", "data_scripts.validate", "DAMAGED")], ids=" ".join)
def test_a_reader_that_goes_away_ends_it_quietly(damaged, words):
    """`| head -1` in the hardest way: the pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    words = [str(damaged) if word == "DAMAGED" else word for word in words]
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    _, error = process.communicate(timeout=600)
    assert (process.returncode, error) == (CLOSED, b"")


def test_notes_are_sentences_and_no_letters():
    run = command("-m", "data_scripts.download", "cityscapes", "--about", environment={"PYTHONIOENCODING": "utf-8"})
    notes = [line for line in run.stdout.decode("utf-8").splitlines() if line.strip().startswith("note")]
    assert notes == ["  note          the test split has no public annotations"]


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (["train", "fcn8s", "--out", ""], "--out"),
        (["train", "fcn8s", "--out="], "--out"),
        (["predict", "", "--weights", "mask_rcnn"], "predict"),
        (["data", "photos", "--out", ""], "--out"),
    ],
)
def test_an_empty_word_is_no_path(words, after, capsys):
    """As a shell gives it for "$OUT" where OUT is not set; an empty path would be the current folder."""
    with pytest.raises(SystemExit) as stopped:
        parsed(parser(), words)
    assert stopped.value.code == 2 and f"an argument is empty, after {after}" in capsys.readouterr().err
    assert parsed(parser(), ["train", "fcn8s", "--out", "x"]).out is not None
