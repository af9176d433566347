"""The catalogue: one module a dataset, found by its place in this folder, under the name that its reader has too."""

from importlib import import_module
from pkgutil import iter_modules

from data_scripts.entry import Entry
from data_scripts.fetch.remote import Download

CATALOGUE: dict[str, Entry] = {
    entry.spec.name: entry
    for module in iter_modules(__path__)
    for entry in import_module(f"{__name__}.{module.name}").ENTRIES
}
DOWNLOADS = {name: entry.download for name, entry in CATALOGUE.items() if entry.download is not None}
"""Every dataset whose files can be fetched, or that says how to ask for them."""


def download_of(name: str) -> Download:
    """Where the dataset of this name comes from. Raises ValueError that lists the names there are."""
    if name not in DOWNLOADS:
        raise ValueError(f"the dataset must be one of {', '.join(DOWNLOADS)}; got {name!r}")
    return DOWNLOADS[name]
