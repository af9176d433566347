"""Every exercise of the course keeps its promises: right answers pass, known mistakes get their own message."""

import ast
import builtins
import importlib.util
import inspect
import json
from pathlib import Path

import pytest
import torch

from lessons_lib.course.course_map import LESSONS
from lessons_lib.course.exercise_list import lessons_with_exercises, written_exercises, written_ids
from lessons_lib.course.exercises.engine import checking
from lessons_lib.course.exercises.engine.cells import DECORATOR, is_setup
from lessons_lib.course.exercises.engine.checking import check
from lessons_lib.course.exercises.engine.exercise import exercises_of, find
from lessons_lib.course.exercises.engine.faults import behaves_like, find_fault
from lessons_lib.course.exercises.engine.running import run
from tests.yardstick import assert_takes_at_most

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[2] / "notebooks"
LESSONS_HERE = lessons_with_exercises()
EXERCISES = [exercise for lesson in LESSONS_HERE for exercise in exercises_of(lesson).values()]
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
EXERCISE_FILES = "lessons_lib/course/exercises"
USUAL_IMPORTS = "import math\nimport numpy as np\nimport torch\nimport torch.nn.functional as F"


def answers(lesson):
    path = HERE / f"answers_{lesson}.py"
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ANSWERS


ANSWERS = [
    (find(exercise_id), answer)
    for lesson in LESSONS_HERE
    for exercise_id, functions in answers(lesson).items()
    for answer in functions
]


def notebook_cells(exercise):
    """The code cells of the exercise's lesson, or none while it is not written."""
    paths = sorted(NOTEBOOKS.glob(f"{exercise.id[:2]}_*.ipynb"))
    cells = json.loads(paths[0].read_text("utf-8"))["cells"] if paths else []
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    return [cell for cell in cells if cell["cell_type"] == "code"]


def setup_source(exercise):
    """The imports of the lesson's setup cells, which a model answer may use."""
    sources = [cell["source"] for cell in notebook_cells(exercise) if is_setup(cell)]
    lines = [line for source in sources for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    tree = ast.parse("\n".join(lines) or USUAL_IMPORTS)
    tree.body = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return ast.unparse(tree)


def stub(exercise):
    """The def or class that the lesson gives the learner, or None while the lesson is not written."""
    for cell in notebook_cells(exercise):
        if exercise.id in DECORATOR.findall(cell["source"]):
            written = ast.parse(cell["source"]).body
            return next(node for node in written if isinstance(node, (ast.FunctionDef, ast.ClassDef)))
    return None


def functions_of(node):
    """A function by itself; of a class, its methods."""
    nodes = [node] if isinstance(node, ast.FunctionDef) else node.body
    return [one for one in nodes if isinstance(one, ast.FunctionDef)]


def values_of(**case):
    """The arguments of a case; a model's weights in its place, and an optimizer's settings."""
    kept = [value for value in case.values() if not isinstance(value, torch.optim.Optimizer)]
    return [dict(value.state_dict()) if isinstance(value, torch.nn.Module) else value for value in kept]


def outcomes_of(exercise, answer):
    return [run(exercise.tried(answer), case, exercise.gradients) for case in exercise.cases()]


@pytest.mark.parametrize("lesson", LESSONS_HERE)
def test_ids_are_unique_in_order_and_the_same_by_import(lesson):
    ids = written_ids(lesson)
    assert ids == [f"{lesson}.{i + 1}" for i in range(len(ids))]
    assert ids == list(exercises_of(lesson))
    assert lesson in LESSONS
    stated = [(one.id, one.title, one.difficulty, one.minutes) for one in exercises_of(lesson).values()]
    assert [tuple(one) for one in written_exercises(lesson)] == stated


@pytest.mark.parametrize("lesson", LESSONS_HERE)
def test_every_exercise_states_its_difficulty_and_minutes(lesson):
    """Written beside its title, where the map reads them: the defaults are nobody's estimate."""
    sources = [path.read_text("utf-8") for path in HERE.parents[2].glob(f"{EXERCISE_FILES}/lesson_{lesson}/[a-z]*.py")]
    made = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    made = [call for call in made if getattr(call.func, "id", "") == "Exercise"]
    assert len(made) == len(written_ids(lesson))
    for call in made:
        assert {"difficulty", "minutes"} <= {word.arg for word in call.keywords}, call.args[0].value
    assert all(5 <= one.minutes <= 40 and one.minutes % 5 == 0 for one in written_exercises(lesson))


@each_exercise
def test_what_an_exercise_has(exercise):
    assert exercise.title.strip() and len(exercise.title) <= 40
    assert len(exercise.hints) >= 2 and all(hint.strip() for hint in exercise.hints)
    assert len(exercise.mistakes) >= 3
    messages = [mistake.message for mistake in exercise.mistakes]
    assert len(set(messages)) == len(messages) and all(messages)
    assert len(exercise.cases()) >= 3


@each_exercise
def test_the_cases_are_the_same_every_time(exercise):
    first, second = exercise.cases(), exercise.cases()
    for one, other in zip(first, second, strict=True):
        left, right = (run(values_of, case) for case in (one, other))
        assert behaves_like(left, right)
        assert list(one) == list(other)


@each_exercise
def test_the_model_answer_is_short_self_contained_and_right(exercise):
    source = exercise.model_source()
    assert len(source.splitlines()) <= 15
    names = {}
    exec(setup_source(exercise), names)
    exec(source, names)
    definition = ast.parse(source).body[0]
    result = check(exercise, names[definition.name])
    assert result.status == "passed", result
    written = names[definition.name]
    functions = filter(inspect.isfunction, vars(written).values()) if inspect.isclass(written) else [written]
    unknown = {name for function in functions for name in inspect.getclosurevars(function).unbound} - set(dir(builtins))
    attributes = {node.attr for node in ast.walk(definition) if isinstance(node, ast.Attribute)}
    assert not unknown - attributes


@each_exercise
def test_the_model_answer_fits_the_lessons_stub(exercise):
    given = stub(exercise)
    if given is None:
        pytest.skip("the lesson's notebook is not written yet")
    model = ast.parse(exercise.model_source()).body[0]
    assert model.name == given.name
    assert type(model) is type(given)
    for ours, theirs in zip(functions_of(model), functions_of(given), strict=True):
        assert ours.name == theirs.name
        names = [[argument.arg for argument in one.args.args + one.args.kwonlyargs] for one in (ours, theirs)]
        assert names[0] == names[1]
        assert list(map(ast.unparse, ours.args.defaults)) == list(map(ast.unparse, theirs.args.defaults))


@pytest.mark.parametrize(
    ("exercise", "answer"), ANSWERS, ids=[f"{exercise.id}-{answer.__name__}" for exercise, answer in ANSWERS]
)
def test_right_answers_by_other_methods_pass(exercise, answer):
    result = check(exercise, answer)
    assert result.status == "passed", result


@each_exercise
def test_there_are_two_other_right_answers(exercise):
    assert len([one for one, _ in ANSWERS if one is exercise]) >= 2


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    MISTAKES,
    ids=[f"{exercise.id}-{mistake.name}" for exercise, mistake in MISTAKES],
)
def test_every_mistake_is_rejected_with_its_own_message(exercise, mistake):
    result = check(exercise, mistake.function)
    assert result.status == "not yet", result
    assert result.failure.mistake == mistake.message


@each_exercise
def test_two_mistakes_at_once_are_refused_and_both_are_named(exercise, monkeypatch):
    """Unless two make a right answer again, or nothing but a crash. Where two do the same as others do, those count.

    What a known mistake does in a case is computed once here, not again for every pair that might do the same.
    """
    cases, flags = exercise.cases(), [*exercise.mistakes, *exercise.pairs()]
    did = {}

    def once(exercise, mistake, trial):
        key = mistake.name, mistake.message, id(trial.case)
        if key not in did:
            did[key] = run(exercise.tried(mistake.function), trial.case, exercise.gradients)
        return did[key]

    monkeypatch.setattr(checking, "_run", once)
    right = [run(exercise.tried(exercise.oracle), case, exercise.gradients) for case in cases]
    for pair in exercise.pairs():
        trials = []
        for case, expected in zip(cases, right, strict=True):
            got = run(exercise.tried(pair.function), case, exercise.gradients)
            trials.append(checking.Trial(case, expected, got, find_fault(expected, got, seconds=1)))
        failed = [trial for trial in trials if trial.fault]
        if all(trial.got.raised for trial in failed):
            continue
        message = checking.recognise(exercise, trials)
        known = next((one for one in flags if one.message == message), None)
        assert known, (pair.name, message)
        assert known.name == pair.name or all(
            behaves_like(once(exercise, known, trial), trial.got) for trial in trials
        ), (pair.name, known.name)


@each_exercise
def test_a_function_of_mistakes_is_right_without_any(exercise):
    for function, _ in exercise.flagged:
        result = check(exercise, function)
        assert result.status == "passed", result


@each_exercise
def test_mistakes_differ_and_none_only_raises_or_is_constant(exercise):
    outcomes = [outcomes_of(exercise, mistake.function) for mistake in exercise.mistakes]
    for i, one in enumerate(outcomes):
        assert not all(outcome.raised for outcome in one)
        assert not all(behaves_like(one[0], outcome) for outcome in one[1:])
        for j, other in enumerate(outcomes[i + 1 :], i + 1):
            same = all(map(behaves_like, one, other))
            assert not same, (exercise.mistakes[i].name, exercise.mistakes[j].name)


@each_exercise
def test_oracle_and_mistakes_take_little_time(exercise):
    """A check answers in about a second on a slow machine; the limit is twice that, in sums of small tensors."""

    def every_answer():
        for case in exercise.cases():
            for function in (exercise.oracle, *(mistake.function for mistake in exercise.mistakes)):
                run(exercise.tried(function), case, exercise.gradients)

    assert_takes_at_most(90 if exercise.trial else 30, every_answer)
