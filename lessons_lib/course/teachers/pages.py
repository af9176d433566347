"""One HTML page for each student: the cards of the exercises, the answers, and what they call."""

import html
from pathlib import Path, PurePosixPath

from lessons_lib.course.exercise_list import number, written_exercises
from lessons_lib.course.teachers.submissions import Submission

# A card comes from the submission: no script, frame, form or address outside the page is followed.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em;
       background: Canvas; color: CanvasText; }
h2 { margin-top: 2em; border-bottom: 1px solid GrayText; overflow-wrap: anywhere; }
h3 { margin: 1.4em 0 .3em; }
pre { padding: .6em 1em; overflow-x: auto; background: rgba(128, 128, 128, .12); }
section { overflow: hidden; contain: paint; }
summary { cursor: pointer; }
"""


def student_of(notebook: str) -> str:
    """Whose a notebook is: the name of its outermost folder, or of the notebook itself."""
    path = PurePosixPath(notebook)
    return path.parts[0] if len(path.parts) > 1 else path.stem


def write_pages(submissions: list[Submission], folder: Path) -> list[Path]:
    """Write ada.html for the notebooks ada/02.ipynb, ada/03.ipynb or ada.ipynb; returns the pages' paths."""
    students: dict[str, list[Submission]] = {}
    for submission in submissions:
        students.setdefault(student_of(submission.notebook), []).append(submission)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for student, handed_in in students.items():
        paths.append(folder / f"{student}.html")
        paths[-1].write_text(page(student, handed_in), "utf-8")
    return paths


def page(student: str, submissions: list[Submission]) -> str:
    """The page of one student, complete in itself, readable on light and dark grounds."""
    passed = sum(sum(one.passed.values()) for one in submissions)
    of = sum(len(one.passed) for one in submissions)
    name = html.escape(student)
    body = "".join(_notebook(one) for one in submissions)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width"><title>{name}</title><style>{STYLE}</style></head>\n'
        f"<body><h1>{name}</h1><p>{passed} of {of} exercises passed.</p>{body}</body></html>\n"
    )


def _notebook(submission: Submission) -> str:
    problem = f"<p><b>This notebook could not be run to its end: {html.escape(submission.problem)}.</b></p>"
    exercises = "".join(_exercise(submission, one) for one in sorted(submission.passed, key=number))
    return f"<h2>{html.escape(submission.notebook)}</h2>{problem if submission.problem else ''}{exercises}"


def _exercise(submission: Submission, exercise_id: str) -> str:
    """The headline, the card, what the answer calls, and the answer, folded."""
    titles = {one.id: one.title for one in written_exercises(exercise_id[:2])}
    state = "passed" if submission.passed[exercise_id] else "not yet"
    card = submission.cards.get(exercise_id) or "<p>No card: the cell was not run.</p>"
    calls = submission.calls.get(exercise_id, [])
    names = ", ".join(f"<code>{html.escape(name)}</code>" for name in calls)
    source = html.escape(submission.sources.get(exercise_id, ""))
    return (
        f"<h3>{exercise_id} {html.escape(titles.get(exercise_id, ''))}: {state}</h3><section>{card}</section>"
        + (f"<p><b>The answer calls</b> {names}.</p>" if calls else "")
        + f"<details><summary>The answer</summary><pre>{source}</pre></details>"
    )
