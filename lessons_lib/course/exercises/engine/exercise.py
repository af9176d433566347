"""The type of an exercise, and the way to find one by its id."""

import ast
import functools
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lessons_lib.course.exercise_list import exercise_files, lessons_with_exercises, number

PACKAGE = "lessons_lib.course.exercises"
TWO_MISTAKES = "There seem to be two mistakes at once. (1) {} (2) {}"


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong answer that people really give, the message for it, and a name for tests."""

    function: Callable[..., Any]
    message: str
    name: str


@dataclass(eq=False)
class Exercise:
    """One exercise: what is right, what it is tried on, and what people get wrong.

    id: lesson and number, such as "02.1". title: two or three words for the card.
    oracle: the library's function, or its nn.Module; what it returns is right.
    cases: makes the calls to compare, a list of keyword arguments. They are the same at every call: fixed,
        or drawn from a generator of their own. Tensors may be non-contiguous views.
    hints: at least two, each one saying more than the last.
    gradients: compare the gradients of every floating-point input too.
    trial: for an answer that must be used to be judged, such as a layer or a training step: turns it into the function
        of a case whose result is compared.
    difficulty: 1 for a line or two that follow from the text, 2 for a small algorithm, 3 for one with several traps;
        the map shows it as dots.
    minutes: what it takes someone who meets the idea for the first time, hints and wrong answers included.
    """

    id: str
    title: str
    oracle: Callable[..., Any]
    cases: Callable[[], list[dict[str, Any]]]
    hints: tuple[str, ...]
    gradients: bool = False
    trial: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    difficulty: int = 1
    minutes: int = 10
    mistakes: list[Mistake] = field(default_factory=list, init=False)
    flagged: list[tuple[Callable[..., Any], dict[str, str]]] = field(default_factory=list, init=False)
    answer: Callable[..., Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_id(self.id)
        if isinstance(self.hints, str):
            raise TypeError(f"hints must be a tuple of strings, got the string {self.hints!r}")
        if self.difficulty not in (1, 2, 3):
            raise ValueError(f"difficulty must be 1, 2 or 3, got {self.difficulty!r}")
        if self.minutes < 1:
            raise ValueError(f"minutes must be ≥ 1, got {self.minutes!r}")

    def mistake(self, message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: the function below is a known wrong answer, and this is the message for it."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self.mistakes.append(Mistake(function, message, function.__name__))
            return function

        return add

    def flags(self, **messages: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator: the function below makes one known mistake for each of its keyword-only arguments that is True.

        messages: one for each of them, in their order. With all of them False the function is right. Every mistake is
        tried alone and together with every other one. Raises ValueError where the arguments have other names.
        """

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            parameters = inspect.signature(function).parameters.values()
            names = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
            if names != list(messages):
                raise ValueError(f"the keyword-only arguments must be {list(messages)}, got {names}")
            for name, message in messages.items():
                self.mistakes.append(Mistake(_with_flags(function, name), message, name))
            self.flagged.append((function, messages))
            return function

        return add

    def pairs(self) -> Iterator[Mistake]:
        """Every two flags of one function together, with both their messages."""
        for function, messages in self.flagged:
            for (one, first), (other, second) in itertools.combinations(messages.items(), 2):
                yield Mistake(_with_flags(function, one, other), TWO_MISTAKES.format(first, second), f"{one}+{other}")

    def tried(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        """The function of a case that is run and compared: the answer itself, unless the exercise has a trial."""
        return self.trial(answer) if self.trial else answer

    def model(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: the function below is the model answer that reveal() shows."""
        self.answer = function
        return function

    def model_source(self) -> str:
        """The model answer as a learner would type it, without its decorator line."""
        if self.answer is None:
            raise ValueError(f"exercise {self.id} has no model answer")
        lines = textwrap.dedent(inspect.getsource(inspect.unwrap(self.answer))).splitlines()
        definition = ast.parse("\n".join(lines)).body[0]
        return "\n".join(lines[definition.lineno - 1 :])


def _with_flags(wrong: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """The function, or the class, with these of its keyword-only arguments True."""
    flags = dict.fromkeys(names, True)
    if not inspect.isclass(wrong):
        return functools.partial(wrong, **flags)
    return type(wrong.__name__, (wrong,), {"__init__": functools.partialmethod(vars(wrong)["__init__"], **flags)})


def check_id(exercise_id: object) -> str:
    """The lesson, "02", of an id such as "02.1"; a ValueError for anything that is no id."""
    if not isinstance(exercise_id, str) or not re.fullmatch(r"\d\d\.\d+", exercise_id):
        raise ValueError(f'an exercise id looks like "02.1", got {exercise_id!r}')
    return exercise_id[:2]


def exercises_of(lesson: str) -> dict[str, Exercise]:
    """The exercises of a lesson by id; imports the lesson's files of exercises.

    Raises ValueError, naming the lessons that exist, if it has none.
    """
    modules = [importlib.import_module(f"{PACKAGE}.lesson_{lesson}.{path.stem}") for path in exercise_files(lesson)]
    if not modules:
        known = ", ".join(lessons_with_exercises())
        raise ValueError(f"lesson {lesson} has no exercises; the lessons that have some: {known}")
    found = {value.id: value for module in modules for value in vars(module).values() if isinstance(value, Exercise)}
    return {exercise_id: found[exercise_id] for exercise_id in sorted(found, key=number)}


def find(exercise_id: str) -> Exercise:
    """The exercise with this id. Raises ValueError, naming the ids of that lesson, if there is none."""
    lesson = check_id(exercise_id)
    exercises = exercises_of(lesson)
    if exercise_id not in exercises:
        known = ", ".join(exercises)
        raise ValueError(f"there is no exercise {exercise_id}; lesson {lesson} has {known}")
    return exercises[exercise_id]
