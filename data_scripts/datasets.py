"""Every dataset as one object: its spec, where it comes from, how it is written, and what is checked."""

from importlib import import_module
from pkgutil import iter_modules

from data_scripts import export
from data_scripts.entry import Entry
from lessons_lib.data.open import SPECS


def _all() -> dict[str, Entry]:
    """What the modules of the folder `export` list, and a plain entry for a set that has none there."""
    modules = [import_module(f"{export.__name__}.{module.name}") for module in iter_modules(export.__path__)]
    written = {entry.spec.name: entry for module in modules for entry in getattr(module, "ENTRIES", ())}
    own = [spec for spec in SPECS.values() if not spec.drawn and not spec.variant_of]
    return {spec.name: written.get(spec.name, Entry(spec)) for spec in own}


DATASETS = _all()
"""Every dataset that lies on the disk, by its name; variants are under the set whose folders they read."""
