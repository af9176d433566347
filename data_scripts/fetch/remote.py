"""What the catalogue says of a dataset, and how it is shown: a row of the table, or everything."""

from dataclasses import dataclass

NOT_PUBLISHED = "not published"
_UNITS = ((1e3, "kB"), (1e6, "MB"), (1e9, "GB"))


@dataclass(frozen=True)
class RemoteFile:
    """One file of a dataset: an archive that is extracted, or a plain file that is only put in its place.

    `urls` are tried in order; none means that the user fetches it by hand. `size` is in bytes and `checksum` reads
    "md5:…", "sha1:…" or "sha256:…"; None where nobody publishes them. `into` is the folder, below the root of the
    dataset, that the archive is extracted into; where the archive holds the folder `keep`, only its inside is taken.
    `gives` are patterns below the root with the number of files that match once all is done, None for at least one.
    An `optional` file is fetched when it is asked for by name.
    """

    name: str
    urls: tuple[str, ...] = ()
    size: int | None = None
    checksum: str | None = None
    into: str = "."
    keep: str = ""
    gives: tuple[tuple[str, int | None], ...] = ()
    optional: bool = False

    @property
    def is_archive(self) -> bool:
        return self.name.endswith((".zip", ".tar", ".tgz", ".tar.gz"))


@dataclass(frozen=True)
class Download:
    """Where a dataset comes from, and under which terms.

    Sizes, checksums and counts are what the set's own pages, torchvision or logs of finished downloads state; what
    nobody states is None, never guessed. `splits` are images per split. `licence` is None where no wording was found;
    `page` is where its authors write.
    `registration` says what to do where the files are given to registered users only, and is "" elsewhere.
    """

    name: str
    title: str
    classes: str
    splits: dict[str, int]
    licence: str | None
    page: str
    citation: str
    files: tuple[RemoteFile, ...]
    registration: str = ""
    notes: tuple[str, ...] = ()

    def chosen(self, only: list[str] | None = None) -> list[RemoteFile]:
        """The files of these names, or all that are not optional. Raises ValueError for a name that is not there."""
        if not only:
            return [file for file in self.files if not file.optional]
        names = {file.name: file for file in self.files}
        for name in only:
            if name not in names:
                raise ValueError(f"--only must name files of {self.name}, {', '.join(names)}; got {name}")
        return [names[name] for name in dict.fromkeys(only)]


def readable_size(size: int | None) -> str:
    """Bytes as people say them: 999 B, 53.7 MB, 19.3 GB (1 kB is 1000 bytes); "not published" for None."""
    if size is None:
        return NOT_PUBLISHED
    if size < 1000:
        return f"{size} B"
    scale, unit = next((pair for pair in _UNITS if size < 999.95 * pair[0]), _UNITS[-1])
    return f"{size / scale:.1f} {unit}"


def download_size(dataset: Download) -> str:
    """The sum over the files that are fetched by default; "over" it where a size is not published."""
    sizes = [file.size for file in dataset.chosen()]
    known = sum(size for size in sizes if size is not None)
    if known == 0:
        return NOT_PUBLISHED
    return readable_size(known) if None not in sizes else f"over {readable_size(known)}"


def table(datasets: list[Download]) -> str:
    """The catalogue as a table, one dataset per line."""
    rows = [("name", "classes", "images", "download", "licence", "registration")]
    for entry in datasets:
        splits = ", ".join(f"{split} {count:,}" for split, count in entry.splits.items())
        registration = "required" if entry.registration else "no"
        licence = entry.licence or "no wording found"
        rows.append((entry.name, entry.classes, splits, download_size(entry), licence, registration))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def about(dataset: Download) -> str:
    """Everything the catalogue knows of a dataset, the files with their addresses and checksums included."""
    splits = ", ".join(f"{split} {count:,}" for split, count in dataset.splits.items())
    lines = [
        f"{dataset.name}: {dataset.title}",
        f"  classes       {dataset.classes}",
        f"  images        {splits}",
        f"  licence       {dataset.licence or f'no wording found; ask at {dataset.page}'}",
        f"  registration  {dataset.registration or 'not needed'}",
        f"  page          {dataset.page}",
        f"  cite          {dataset.citation}",
        *(f"  note          {note}" for note in dataset.notes),
    ]
    for file in dataset.files:
        checksum = file.checksum or "not published; recorded at the first download and compared from then on"
        lines += [
            f"  file          {file.name}{' (optional: name it with --only)' if file.optional else ''}",
            f"    size        {readable_size(file.size)}",
            f"    checksum    {checksum}",
            *(f"    address     {url}" for url in file.urls),
        ]
    return "\n".join(lines)
