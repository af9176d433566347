"""The exercises of the lessons: @exercise checks an answer, hint and reveal help, progress draws the map."""

from lessons_lib.course.course_map import progress
from lessons_lib.course.exercises.engine.cells import solved
from lessons_lib.course.exercises.engine.notebook import exercise, hint, reveal

__all__ = ["exercise", "hint", "progress", "reveal", "solved"]
