"""Builds the course's site into build/website/html: python -m website"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lessons_lib.course.course_map import LESSONS
from website.api import api_pages
from website.front import front_page
from website.laboratories import laboratory
from website.lessons import links, page, to_pages
from website.pdf import print_pages

ROOT = Path(__file__).resolve().parent.parent
HEAVIEST = 3_000_000
"""Bytes that a page may weigh, with its figures and all pictures of its laboratories."""


def main() -> None:
    """Gathers the sources, lets Sphinx make the pages, prints the lessons as PDF, and weighs every page."""
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "website", help="folder of the site (%(default)s)")
    parser.add_argument("--lessons", nargs="+", metavar="NN", default=list(LESSONS), help="only these lessons")
    parser.add_argument("--no-pdf", action="store_true", help="leave out the PDF files, which need a Chromium")
    arguments = parser.parse_args()
    start = time.perf_counter()
    os.environ.pop("LESSONS_REAL_DATA", None)  # a site shows scenes: photographs have owners
    html = build(arguments.out, arguments.lessons)
    if not arguments.no_pdf:
        print_pages(html)
    heavy = [f"{name}: {size / 1e6:.1f} MB" for name, size in weights(html).items() if size > HEAVIEST]
    if heavy:
        sys.exit("heavier than 3 MB: " + ", ".join(heavy))
    print(f"{html / 'index.html'} ({time.perf_counter() - start:.0f} s)")


def build(out: Path, lessons: list[str]) -> Path:
    """The pages of these lessons, the documents and the library's reference; returns the folder of the HTML."""
    source, html = out / "source", out / "html"
    for folder in (source, html):
        shutil.rmtree(folder, ignore_errors=True)
    gather(source, lessons)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "website", str(source), str(html)]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("the site was not built: Sphinx says why above")
    shutil.copytree(source / "stills", html / "stills")
    shutil.copytree(source / "notebooks", html / "notebooks")
    return html


def gather(source: Path, lessons: list[str]) -> None:
    """Writes the MyST sources: lessons, documents, reference, front page."""
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    figures, stills = source / "lessons" / "figures", source / "stills"
    for folder in (figures, stills, source / "docs", source / "api", source / "notebooks"):
        folder.mkdir(parents=True)

    def alive(module: str) -> str:
        return laboratory(module, stills, "../stills")

    def blob(file: str) -> str:
        return f"https://github.com/{repository}/blob/main/{file}"

    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        if path.name[:2] in lessons:
            text = page(path, figures, alive, repository, blob if repository else str)
            (source / "lessons" / f"{path.stem}.md").write_text(to_pages(text, lessons), "utf-8")
            shutil.copy(path, source / "notebooks")
    shutil.copytree(ROOT / "notebooks" / "pictures", source / "lessons" / "pictures")
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = links(path.read_text("utf-8"), blob if repository else str)
        (source / "docs" / path.name).write_text(text, "utf-8")
    for name, text in api_pages(ROOT / "lessons_lib").items():
        (source / "api" / f"{name}.md").write_text(text, "utf-8")
    shutil.copy(ROOT / "docs" / "lesson_02.png", source)
    (source / "index.md").write_text(front_page(source), "utf-8")


def weights(html: Path) -> dict[str, int]:
    """Bytes of each page with all the files of the site that it names, apart from the theme's."""
    found = {}
    for path in sorted(html.rglob("*.html")):
        text = path.read_text("utf-8")
        named = set(re.findall(r"[\w./-]+\.(?:png|webp|svg)", text))
        files = {(path.parent / name).resolve() for name in named}
        found[str(path.relative_to(html))] = len(text) + sum(file.stat().st_size for file in files if file.is_file())
    return found


if __name__ == "__main__":
    main()
