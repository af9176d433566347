"""What a lesson calls: exercise, hint and reveal."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from lessons_lib.course.course_map import exercise_address, lesson_after
from lessons_lib.course.exercise_list import number, written_exercises
from lessons_lib.course.exercises.engine.card import Card, Note, show
from lessons_lib.course.exercises.engine.checking import check
from lessons_lib.course.exercises.engine.describing import function_name
from lessons_lib.course.exercises.engine.exercise import Exercise, find
from lessons_lib.course.exercises.engine.rescue import watch_cells
from lessons_lib.course.progress import passed_exercises, record_pass

_hints_given: dict[str, int] = {}
_open: set[str] = set()  # run in this kernel and not right: a pass after that was written anew


def exercise(exercise_id: str) -> Callable[[Any], Callable[..., Any]]:
    """Decorator: check the function or class below at once, show the card, and hand the library's over.

    The name below is bound to the library's function or class, right or wrong, so that the rest of a lesson never
    depends on the answer; the learner's own stays as its attribute `mine`. All calls of the learner's
    code together have 20 seconds. Raises ValueError for an id that does not exist.
    """
    found = find(exercise_id)

    def answer(function: Any) -> Callable[..., Any]:
        result = check(found, function)
        note = ""
        if result.status == "passed":
            note = record_pass(found.id, anew=found.id in _open)
            _open.discard(found.id)
        elif result.status != "unchecked":
            _open.add(found.id)
        model = found.model_source() if found.answer is not None else ""
        done, following = lesson_progress(found.id) if result.status == "passed" else ("", ("", ""))
        show(Card(found.id, found.title, function_name(function), result, note, found.hints, model, done, following))
        return library_version(found, function)

    return answer


def library_version(found: Exercise, mine: Any) -> Callable[..., Any]:
    """The library's function, or a subclass of its class, with the learner's as its attribute `mine`."""
    if inspect.isclass(found.oracle):
        return type(found.oracle.__name__, (found.oracle,), {"__doc__": found.oracle.__doc__, "mine": mine})

    @functools.wraps(found.oracle)
    def function(*args: Any, **kwargs: Any) -> Any:
        return found.oracle(*args, **kwargs)

    setattr(function, "mine", mine)  # noqa: B010 - a type checker knows no attributes of functions
    return function


def lesson_progress(exercise_id: str) -> tuple[str, tuple[str, str]]:
    """How many exercises of the lesson are passed, and what is next: its words and its address.

    Next is the lesson's next open exercise, or after the last one the next lesson. Both are "" where there is none.
    """
    lesson = written_exercises(exercise_id[:2])
    passes, _ = passed_exercises()
    passed = passes.keys() | {exercise_id}  # also where the record could not be written
    left = [one for one in lesson if one.id not in passed]
    words = f"{len(lesson) - len(left)} of the lesson's {len(lesson)} exercises are passed." if lesson else ""
    later = [one for one in left if number(one.id) > number(exercise_id)]
    if left:
        following = (later or left)[0]
        return words, (f"{following.id} {following.title}", exercise_address(following.id))
    return words, lesson_after(exercise_id[:2]) if lesson else ("", "")


watch_cells(library_version)


def hint(exercise_id: str) -> None:
    """Show one more hint at each call; they begin anew with the kernel.

    Raises ValueError for an id that does not exist.
    """
    found = find(exercise_id)
    given = _hints_given.get(found.id, 0)
    if given == len(found.hints):
        show(Note(f'There are no more hints for {found.id}. reveal("{found.id}") shows a model answer.'))
        return
    _hints_given[found.id] = given + 1
    show(Note(f"{found.id}, hint {given + 1} of {len(found.hints)}: {found.hints[given]}"))


def reveal(exercise_id: str) -> None:
    """Show a model answer, as code. Raises ValueError for an id that does not exist."""
    show(Note(find(exercise_id).model_source(), is_code=True))
