"""The front page: what the course is, a picture, and the map of the lessons."""

from pathlib import Path

from lessons_lib.course.course_map import LESSONS

WELCOME = """# From Strides to Masks

A notebook course on object segmentation: from stride and padding to Mask R-CNN. Every claim of the lecture that it
teaches becomes a picture that you can move, a few lines that you write, and a number that is computed.

```{figure} lesson_02.png
:alt: Lesson 02 in JupyterLab, with sliders above, a window that walks over an image of numbers, and the output.
:width: 640px
:align: left
```

**Read here, or run it.** On these pages you can read every lesson and move its laboratories, with nothing installed.
To do the exercises, which recognise the usual mistakes, you install the course: two commands, described in its README.

## Lessons
"""


def front_page(source: Path) -> str:
    """The MyST source of the front page, over the sources that were gathered in `source`."""
    lessons = sorted(path.stem for path in (source / "lessons").glob("*.md"))
    entries = "\n".join(f"{stem[:2]} · {LESSONS[stem[:2]]} <lessons/{stem}>" for stem in lessons)
    rows = "\n".join(f"- [{stem[:2]} · {LESSONS[stem[:2]]}](lessons/{stem}.md)" for stem in lessons)
    documents = "\n".join(sorted(f"docs/{path.stem}" for path in (source / "docs").glob("*.md")))
    reference = "\n".join(f"api/{path.stem}" for path in sorted((source / "api").glob("*.md")))
    return (
        f"{WELCOME}\n{rows}\n\n{_contents('Lessons', entries)}\n\n{_contents('Documents', documents)}\n\n"
        f"{_contents('Library', reference)}\n"
    )


def _contents(title: str, entries: str) -> str:
    return f"```{{toctree}}\n:hidden:\n:caption: {title}\n:maxdepth: 1\n\n{entries}\n```"
