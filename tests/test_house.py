"""The rules of the house, read from the source: who may import whom, who calls what, how long, how light."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "lessons_lib"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

NUMERIC = {"torch", "numpy", "scipy", "pycocotools", "jaxtyping"}

ANYTHING = {""}  # every name starts with the empty one

# What a module may import from the library: names, or packages whose modules are then all meant. The most exact
# entry counts.
MAY_IMPORT = {
    "checks": set(),
    "terminal": set(),
    "ops": {"checks", "ops"},
    "metrics": {"checks", "ops", "metrics", "data.sample"},
    "metrics.coco_copies": {"data.sets.coco_checks", "data.sets.coco_entries"},  # one set of checks of COCO's JSON
    "models": {"checks", "ops", "models.backbones", "models.contract", "data.sample"},
    "models.semantic": {"checks", "ops", "models", "data.sample"},
    "models.instance": {"checks", "ops", "models", "data.sample"},
    "models.zoo": {"models"},
    "atomic": set(),
    "data": {"checks", "ops", "data"},
    "training": {"atomic", "checks", "models", "metrics", "data", "training"},
    "training.loop": {"data.sample", "training.heap", "training.recorded"},
    "training.recorded": {"data.sample"},
    "shipped": {"atomic", "terminal", "training", "models", "metrics", "data", "shipped"},
    "scoreboard": {
        *("atomic", "ops", "models", "metrics", "data", "training", "shipped", "scoreboard"),
    },
    "course": ANYTHING,
    "__main__": ANYTHING,
}
# Packages that only some may import; everybody else goes without.
ONLY_IN = {
    "matplotlib": {"course", "__main__", "data.photo"},
    "torchvision": {"data", "models.backbones", "course.doctor"},
    "ipywidgets": {"course"},
    "pycocotools": {"ops", "data", "metrics.coco", "metrics.coco_copies"},
}
# A function never calls its own oracle. The rest of the table is ONLY_IN: torchvision is nobody's shortcut.
FORBIDDEN_CALLS = {
    "ops.convolution": r"(lazy)?conv(_transpose|transpose)?[123]d|conv_tbc|convolution|(un)?fold",
    "ops.checkerboard": r"(lazy)?conv_?transpose[123]d|pixel_?(un)?shuffle|interpolate|upsample.*|(un)?fold",
    "ops.transposed": r"(lazy)?conv_?transpose[123]d|pixel_?(un)?shuffle|interpolate|upsample.*|(un)?fold",
    "ops.subpixel": r"(lazy)?conv_?transpose[123]d|pixel_?(un)?shuffle|interpolate|upsample.*",
    "ops.unpooling": r"(adaptive_|fractional_)?max_(un)?pool.*",
    "ops.winograd": r"(lazy)?conv(_transpose|transpose)?[123]d|conv_tbc|convolution",
    "ops.roi.pool": r"(ps_)?roi_.*|adaptive_.*|(fractional_)?max_pool.*",
    "ops.roi.align": r"(ps_)?roi_(align|pool)|grid_sample.*|affine_grid.*|interpolate",
    "ops.roi.warp": r"grid_sample.*|affine_grid.*|interpolate",
    "metrics.detection": r"coco.*|computeiou|evaluate(img)?|accumulate|summarize",
    "metrics.detection_matching": r"coco.*|computeiou|evaluate(img)?|accumulate|summarize",
    "metrics.detection_pairs": r"coco.*|computeiou|evaluate(img)?|accumulate|summarize",
    "metrics.average_precision": r"coco.*|computeiou|evaluate(img)?|accumulate|summarize",
    "ops.roi.position_sensitive": r"(ps_)?roi_pool|(adaptive_)?avg_pool.*",
}


def module_name(path: Path) -> str:
    """lessons_lib/data/sample.py → data.sample; a package's __init__ → the package."""
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts).removesuffix("__init__").rstrip(".")


MODULES = {module_name(path): path for path in sorted(LIBRARY.rglob("*.py"))}
SCRIPTS = [
    path for folder in ("data_scripts", "benchmarks", "notebooks", "website") for path in (ROOT / folder).rglob("*.py")
]


def imports(tree: ast.AST) -> set[str]:
    """Full names of everything imported, also inside functions; `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute in this library"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, allowed: set[str]) -> bool:
    return any(name == entry or name.startswith(f"{entry}.") or entry == "" for entry in allowed)


def rule_for(module: str, table: dict[str, set[str]]) -> set[str] | None:
    parts = module.split(".")
    candidates = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((table[candidate] for candidate in candidates if candidate in table), None)


def house_breaks(module: str, source: str, known: set[str]) -> list[str]:
    """What a module of the library imports or calls against the tables above."""
    tree, found = ast.parse(source), []
    imported = imports(tree)
    rule = rule_for(module, MAY_IMPORT)
    inner = {name.removeprefix("lessons_lib.") for name in imported if name.startswith("lessons_lib.")} & known
    # `from lessons_lib import boxes` is boxes; `from lessons_lib.data import sample` also names data itself
    inner -= {name for name in inner if any(other.startswith(f"{name}.") for other in inner)}
    if rule is None and module:
        found.append("has no row in MAY_IMPORT")
    found += [f"imports lessons_lib.{name}" for name in sorted(inner) if not within(name, rule or set())]
    outer = {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names) - {"lessons_lib"}
    if within(module, {"ops"}):
        found += [f"imports {name}" for name in sorted(outer - NUMERIC)]
    for package, homes in ONLY_IN.items():
        if package in outer and not within(module, homes):
            found.append(f"imports {package}")
    if module in FORBIDDEN_CALLS:
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {name.rpartition(".")[2] for name in imported if name.startswith("torch.")}
        found += [
            f"uses its oracle {name}" for name in sorted(used) if re.fullmatch(FORBIDDEN_CALLS[module], name.lower())
        ]
    return found


@pytest.mark.parametrize("module", MODULES)
def test_module_keeps_to_its_place(module):
    assert house_breaks(module, MODULES[module].read_text("utf-8"), set(MODULES)) == []


@pytest.mark.parametrize(
    ("module", "source", "broken"),
    [
        ("ops.boxes", "import matplotlib.pyplot as plt", ["imports matplotlib", "imports matplotlib"]),
        ("ops.boxes", "from lessons_lib.course import exercises", ["imports lessons_lib.course.exercises"]),
        ("ops.boxes", "def f():\n    from lessons_lib.data.sample import Sample", ["imports lessons_lib.data.sample"]),
        ("models.instance.mnc", "from lessons_lib.models.instance.rpn import RPN", []),
        ("models.instance.mnc", "import lessons_lib.course.exercises", ["imports lessons_lib.course.exercises"]),
        ("metrics.detection", "import torchvision", ["imports torchvision"]),
        ("metrics.detection", "from pycocotools.cocoeval import COCOeval", ["imports pycocotools"]),
        ("metrics.detection", "def f(scorer): scorer.accumulate()", ["uses its oracle accumulate"]),
        ("utils", "import math", ["has no row in MAY_IMPORT"]),
        ("ops.convolution", "from torch.nn import functional as F\nF.conv2d(1)", ["uses its oracle conv2d"]),
        ("ops.convolution", "from torch.nn.functional import unfold", ["uses its oracle unfold"]),
        ("ops.convolution", "def unfold(x): return x\nunfold(1)", []),
        ("ops.transposed", "import torch\ntorch.nn.PixelShuffle(2)", ["uses its oracle PixelShuffle"]),
        ("ops.subpixel", "import torch\ntorch.nn.PixelUnshuffle(2)", ["uses its oracle PixelUnshuffle"]),
    ],
)
def test_the_rules_can_be_broken(module, source, broken):
    known = {"course.exercises", "course.exercises.engine.card", "data.sample", "models.instance.rpn", "ops.boxes"}
    assert house_breaks(module, source, known) == broken


@pytest.mark.parametrize("path", [*MODULES.values(), *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_module_says_what_it_is_and_fits_on_screens(path):
    source = path.read_text("utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "begins with a docstring whose first line says what it is"
    assert len(source.splitlines()) <= 250
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno - f.lineno + 1 > 60} == {}


def test_no_module_is_called_utils():
    assert [name for name in MODULES if re.search(r"(^|[._])(utils?|helpers?|misc|common)$", name)] == []


def loaded_after(code: str, packages: set[str], tmp_path: Path) -> set[str]:
    """Which of the packages a fresh Python has loaded after running the code."""
    code += f"\nimport sys; print('LOADED', *[name for name in {sorted(packages)!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.rpartition("LOADED")[2].split())


def test_the_library_imports_lightly(tmp_path):
    assert loaded_after("import lessons_lib", {"torch", "torchvision", "matplotlib"}, tmp_path) == set()
    assert loaded_after("import matplotlib", {"torch", "matplotlib"}, tmp_path) == {"matplotlib"}  # it can tell


def test_first_cells_of_lessons_import_lightly(tmp_path):
    """All in one Python, one after the other: what none of them loads, each of them alone does not."""
    code = ""
    for path in NOTEBOOKS:
        first = next(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
        source = "\n".join(line for line in first.splitlines() if not line.startswith("%"))
        code += f"exec({source!r}, {{}})\n"
    assert loaded_after(code, {"torchvision", "scipy.optimize", "accelerate"}, tmp_path) == set()


STRAYS = {  # written in two halves, so that this file does not find itself
    "a package registry's address": r"pypi"
    r"\.org|python"
    r"hosted\.|npm"
    r"js\.|debian"
    r"\.org|download\.py"
    r"torch\.",
    "a path of somebody's machine": r"(?<![\w.~-])/(?:home|Users|root|work|farm)" r"/\w|\bC:\\Users",
    "an issue's number": r"\bissues? " r"#?\d",
}


def test_no_file_tells_where_it_was_made():
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what belongs to the project is not known")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = []
    for path in (ROOT / name for name in names if name):
        if not path.is_file() or path.stat().st_size > 5_000_000:
            continue
        text = re.sub(r"base64,[\w+/=]*", "", path.read_text("utf-8", errors="ignore"))
        found += [f"{path.relative_to(ROOT)}: {what}" for what, stray in STRAYS.items() if re.search(stray, text)]
    assert found == []


def test_strays_are_recognised():
    signs = ["pip --index-url https://py" + "pi.org/simple", "/ho" + "me/ada/course", "see issue" + " #12"]
    found = [[what for what, stray in STRAYS.items() if re.search(stray, sign)] for sign in signs]
    assert found == [[what] for what in STRAYS]
