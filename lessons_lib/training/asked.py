"""Which set a command line asks for: by its name, or by the folder that it lies in."""

from pathlib import Path


def data_in(data: str | None, root: str, trained: str | None = None) -> str:
    """The set to open in a folder: the name that is given, else the layout that the folder is recognised to have.

    A folder that looks like the set `trained`, on which a run has learned, is taken for that. What was recognised is
    printed. Raises ValueError where nothing is.
    """
    from lessons_lib.data.open import AUTO, NAMES, resolved, spec_of

    if data is None and trained in NAMES and not (spec := spec_of(trained)).drawn and spec.is_in(Path(root)):
        return trained
    found = resolved(data or AUTO, root)
    if data in (None, AUTO):
        print(f"{root} holds {found}")
    return found


def refuse_what_is_not_asked(data: str, root: str | None, preset: str | None) -> None:
    """Raises ValueError for a folder of a set that is drawn, or a preset of one that is not: they would be ignored."""
    if root is None and preset is None:
        return
    from lessons_lib.data.open import spec_of

    drawn = spec_of(data).drawn
    if drawn and root is not None:
        raise ValueError(f"root must be left out for {data}, which are drawn, got {root!r}")
    if not drawn and preset is not None:
        raise ValueError(f"preset must be left out for {data}, since it is of scenes, got {preset!r}")
