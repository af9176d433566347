"""A lesson as a page: the notebook's text, code and committed outputs as MyST, and its laboratories alive."""

import base64
import html
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from lessons_lib.course.figures import SHOWN, plain
from lessons_lib.course.labs.lab import SLEEPING

IMAGE = re.compile(r'src="data:image/(\w+);base64,([^"]*)" width="(\d+)"')


def page(
    path: Path, figures: Path, laboratory: Callable[[str], str], repository: str = "", blob: Callable[[str], str] = str
) -> str:
    """The MyST source of a lesson.

    Args:
        path: the notebook.
        figures: folder that its figures are written into.
        laboratory: the page element of the laboratory in `lessons_lib.course.labs.NAME`.
        repository: OWNER/NAME on GitHub, for the links that open the notebook in Colab and Codespaces.
        blob: the address of a file of the repository, for links out of the lesson.
    """
    notebook = nbformat.read(path, as_version=4)
    parts = []
    labs = _laboratories(notebook.cells)
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(links(cell.source, blob))
            if place == 0:
                parts.append(_elsewhere(path.name, repository))
            continue
        parts += _code(cell, path.stem, figures, blob)
        parts += [raw(laboratory(name)) for name in labs.get(place, [])]
    return "\n\n".join(part for part in parts if part) + "\n"


def links(text: str, blob: Callable[[str], str]) -> str:
    """Links between lessons lead to their pages, links to other files of the repository to `blob` of it."""

    def target(match: re.Match[str]) -> str:
        words, address = match[1], match[2]
        if re.match(r"[a-z]+:|#|\.\./docs/\w+\.md", address):  # the documents have pages of their own
            return match[0]
        if lesson := re.fullmatch(r"(?:\./)?(\d\d_\w+)\.ipynb(#.*)?", address):
            return f"[{words}]({lesson[1]}.md{lesson[2] or ''})"
        return f"[{words}]({blob(address.removeprefix('../'))})" if blob is not str else f"*{words}*"

    return re.sub(r"(?<!!)\[([^\]\n]+)\]\(([^)\s]+)\)", target, text)


def to_pages(text: str, lessons: Collection[str]) -> str:
    """The same with links to the pages of these lessons alone; of a link to another one its words stay."""

    def kept(match: re.Match[str]) -> str:
        return match[0] if match[2] in lessons else match[1]

    return re.sub(r"\[([^\]\n]+)\]\((\d\d)_\w+\.md[^)]*\)", kept, text)


def raw(element: str) -> str:
    """HTML as it is."""
    return f"````{{raw}} html\n{element}\n````"


def _laboratories(cells: list[NotebookNode]) -> dict[int, list[str]]:
    """Index of the cell that first shows a laboratory → the modules of `labs` that it shows."""
    names: dict[str, str] = {}
    shown: dict[int, list[str]] = {}
    for place, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        for module, alias in re.findall(r"from lessons_lib\.course\.labs import (\w+)(?: as (\w+))?", cell.source):
            names[alias or module] = module
        for name in re.findall(r"^(?:\w+ = )?(\w+)\.lab\(", cell.source, re.MULTILINE):
            if name in names:
                shown.setdefault(place, []).append(names.pop(name))
    return shown


def _elsewhere(name: str, repository: str) -> str:
    """Where the lesson can be run: the notebook to download, Colab, Codespaces, and the page as PDF."""
    found = [f'<a href="../notebooks/{name}" download>Notebook</a>', f'<a href="../pdf/{Path(name).stem}.pdf">PDF</a>']
    if repository:
        found.append(
            f'<a href="https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name}">Colab</a>'
        )
        found.append(f'<a href="https://codespaces.new/{repository}">Codespaces</a>')
    return raw(f'<p class="elsewhere">{" · ".join(found)}</p>')


def _code(cell: NotebookNode, stem: str, figures: Path, blob: Callable[[str], str]) -> Iterator[str]:
    source = f"```````python\n{cell.source}\n```````"
    if "setup" in cell.metadata.get("tags", []):
        yield from _fold("Imports" if "import " in cell.source else "Settings", source)
    elif cell.metadata.get("jupyter", {}).get("source_hidden"):
        yield from _fold("Code of the figure", source)
    else:
        yield source
    if re.search(r"^progress\(\)", cell.source, re.MULTILINE):
        return  # the map of what the reader has passed, which no page can know
    for number, output in enumerate(cell.outputs):
        data: dict[str, Any] = output.get("data", {})
        shown = data.get("text/html", "")
        if shown.startswith(SHOWN):
            yield _figure(shown, links(data["text/plain"], blob), figures, f"{stem}-{cell.id}-{number}")
        elif shown.startswith(SLEEPING):
            continue  # a laboratory; without a kernel its pictures were drawn beforehand
        elif shown:
            yield raw(f'<div class="result">{shown}</div>')
        elif text := output.get("text", data.get("text/plain", "")):
            yield raw(f'<pre class="result" tabindex="0">{html.escape(text.rstrip())}</pre>')


def _fold(title: str, source: str) -> Iterator[str]:
    yield raw(f'<details class="code"><summary>{title}</summary>')
    yield source
    yield raw("</details>")


def _figure(shown: str, caption: str, figures: Path, name: str) -> str:
    """A figure of the page, its image written into a file of its own."""
    found = IMAGE.search(shown)
    assert found is not None, f"{name} shows no image"
    kind, data, width = found.groups()
    (figures / f"{name}.{kind}").write_bytes(base64.b64decode(data))
    address = f"{figures.name}/{name}.{kind}"
    return f"```{{figure}} {address}\n:alt: {plain(caption)}\n:width: {width}px\n:align: left\n\n{caption}\n```"
