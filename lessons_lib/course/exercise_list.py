"""Which exercises the lessons have, how hard and how long they are: read from their files, without importing them."""

import ast
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "exercises"


def number(exercise_id: str) -> tuple[int, int]:
    """The sorting key of an id: "02.10" comes after "02.9"."""
    lesson, place = exercise_id.split(".")
    return int(lesson), int(place)


def lessons_with_exercises() -> list[str]:
    """The numbers, "00", "02", of the lessons that have a folder of exercises."""
    return sorted(path.name.removeprefix("lesson_") for path in FOLDER.glob("lesson_[0-9][0-9]"))


def exercise_files(lesson: str) -> list[Path]:
    """lesson_04/kernels.py, lesson_04/pictures.py and so on."""
    return sorted(FOLDER.glob(f"lesson_{lesson}/[a-z]*.py"))


class Written(NamedTuple):
    """What the map of the course says about one exercise."""

    id: str
    title: str
    difficulty: int
    minutes: int


def written_exercises(lesson: str) -> list[Written]:
    """A lesson's exercises in their order, read from its files without importing them.

    So the map of the course needs no model and no torchvision. Empty for a lesson without exercises.
    """
    nodes = [node for path in exercise_files(lesson) for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Exercise"]
    found = []
    for call in calls:
        id, title = (ast.literal_eval(argument) for argument in call.args[:2])
        given = {
            word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg in ("difficulty", "minutes")
        }
        found.append(Written(id, title, given.get("difficulty", 1), given.get("minutes", 10)))
    return sorted(found, key=lambda one: number(one.id))


def written_ids(lesson: str) -> list[str]:
    """The ids of a lesson's exercises in their order, read as `written_exercises` does."""
    return [one.id for one in written_exercises(lesson)]
