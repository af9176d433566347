"""Datasets by name: `open_dataset` opens any of those that the modules of `lessons_lib/data/sets/` describe."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from lessons_lib.data import sets
from lessons_lib.data.exports.unknown import seen_in
from lessons_lib.data.files import DamagedFile
from lessons_lib.data.folders import HalfOfSplit
from lessons_lib.data.sample import Samples
from lessons_lib.data.skipping import Skipping
from lessons_lib.data.spec import DatasetSpec


def _listed() -> dict[str, DatasetSpec]:
    """What each module of the folder lists in its `DATASETS`; a module without that list is a helper of another."""
    modules = [import_module(f"{sets.__name__}.{module.name}") for module in iter_modules(sets.__path__)]
    found = [spec for module in modules for spec in getattr(module, "DATASETS", ())]
    return {spec.name: spec for spec in sorted(found, key=_place)}


def _place(spec: DatasetSpec) -> tuple[bool, bool, str]:
    return not spec.drawn, spec.recognises is not None, spec.name


SPECS = _listed()
"""Every dataset by its name, the drawn scenes first, the layouts of annotation tools last."""

NAMES = tuple(name for spec in SPECS.values() for name in (*spec.also, spec.name))
"""Every name that `open_dataset` knows, besides `AUTO`."""

AUTO = "auto"
"""The name of whatever a folder holds: `open_dataset` then recognises it by its files."""


def spec_of(name: str) -> DatasetSpec:
    """The dataset that has this name, or this other name. Raises ValueError that lists the names there are."""
    for spec in SPECS.values():
        if name in (spec.name, *spec.also):
            return spec
    raise ValueError(f"data must be one of {', '.join(NAMES)}, {AUTO}, got {name!r}")


def open_dataset(
    name: str, root: Path | str | None = None, split: str = "train", on_error: str = "raise", *, size: int = 96,
    preset: str = "easy",
) -> Samples:  # fmt: skip
    """The samples of a set, map-style, with `classes[label]`, `colours[label]`, and `names[index]` of its images.

    Args:
        name: a set that `NAMES` lists, or "auto": the layout that the folder is recognised to have.
        root: the folder that holds the set; scenes need none.
        split: "train" or "val", or one of the set's own names, such as "val2017" of COCO.
        on_error: "raise": a damaged file raises DamagedFile when its sample is read. "skip": damaged files are passed
            over, and `report()` of the samples counts them at the end: see `Skipping`.
        size, preset: of scenes, which are drawn; the images of other sets keep their sizes.

    Raises:
        ValueError: for a name, split, preset or on_error that does not exist, a missing root, or one that holds no
            layout that is known.
        FileNotFoundError: for a root without the set.

    >>> open_dataset("scenes", split="val")[0].image.shape
    torch.Size([3, 96, 96])
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    spec = spec_of(resolved(name, root))
    if spec.drawn:
        samples = spec.reader(spec.own_split(split), size, preset)
    elif root is None:
        raise ValueError(f"root must be the folder that holds {name} (--root FOLDER), got none")
    else:
        samples = spec.reader(Path(root), spec.own_split(split))
    return Skipping(samples) if on_error == "skip" else samples


def resolved(name: str, root: Path | str | None) -> str:
    """The name of a set; in place of "auto" that of the layout which the folder is recognised to have.

    Raises ValueError as `open_dataset` does.
    """
    if name != AUTO:
        return name
    if root is None:
        raise ValueError("root must be the folder that holds the dataset (--root FOLDER), got none")
    return recognised(Path(root))[0].name


def recognised(root: Path) -> list[DatasetSpec]:
    """The sets that a folder holds, the best first: published ones that open, else layouts of annotation tools.

    Where neither is there, published ones of which it holds some sign, so that opening them says what is missing.
    Raises FileNotFoundError for a folder that is not there, ValueError where nothing is recognised.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"root must be a folder, got {root}")
    own = [spec for spec in SPECS.values() if not spec.drawn and not spec.variant_of]
    published = [spec for spec in own if spec.recognises is None and spec.is_in(root)]
    found = [spec for spec in published if _opens(spec, root)]
    found = found or [spec for spec in own if spec.recognises is not None and spec.is_in(root)] or published
    if not found:
        raise ValueError(
            f"root must hold a dataset in a layout that is known, see docs/formats.md, got {seen_in(root)}"
        )
    return found


def _opens(spec: DatasetSpec, root: Path) -> bool:
    """Whether a folder has any split of a set, in whatever state."""
    for split in spec.parts():
        try:
            spec.reader(root, split)
        except HalfOfSplit:
            return True
        except FileNotFoundError:
            continue
        except DamagedFile:
            return True
        return True
    return False


def require_truth(samples: Samples, *wanted: str) -> None:
    """Make sure that a set has what a model learns from: "label maps", "masks".

    A reader lists in `lacks` what its folder does not have, with the reasons; a set without that list lacks nothing.

    Raises:
        ValueError: for a set that lacks something wanted, with the reason.
    """
    lacks = getattr(samples, "lacks", {})
    for name in wanted:
        if name in lacks:
            raise ValueError(f"data must have {name} for this model, got none: {lacks[name]}")
