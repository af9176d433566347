"""The exercises of the lessons: @exercise checks an answer, hint and reveal help, progress draws the map."""

from lessons_lib.exercises.cells import solved
from lessons_lib.exercises.notebook import exercise, hint, reveal
from lessons_lib.exercises.progress import progress

__all__ = ["exercise", "hint", "progress", "reveal", "solved"]
