"""The catalogue: where each dataset comes from, one module per dataset, found by its file in this folder.

It opens neither torch nor the readers, so that the downloader starts at once.
"""

from importlib import import_module
from pkgutil import iter_modules

from data_scripts.fetch.remote import Download

_FOUND = [import_module(f"{__name__}.{module.name}").DOWNLOAD for module in iter_modules(__path__)]
DOWNLOADS: dict[str, Download] = {download.name: download for download in _FOUND}
"""Every dataset whose files can be fetched, or that says how to ask for them, by the name that its reader has too."""


def download_of(name: str) -> Download:
    """Where the dataset of this name comes from. Raises ValueError that lists the names there are."""
    if name not in DOWNLOADS:
        raise ValueError(f"the dataset must be one of {', '.join(DOWNLOADS)}; got {name!r}")
    return DOWNLOADS[name]
