"""Plants a bug in every place that has taken the right function by its name, and asks whether a test notices."""

import sys
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from lessons_lib.course.bugs.bug import Bug, _find


@contextmanager
def planted_everywhere(bug):
    """As `planted`, but also where other modules, tests among them, have taken the function by its name."""
    changed = []
    try:
        found = [(getattr(owner, name), owner, name) for owner, name in map(_find, bug.targets)]
        for right, owner, name in {id(row[0]): row for row in found}.values():  # once, though two modules have it
            wrong = bug.wrong(right)
            modules = [m for key, m in list(sys.modules.items()) if key.split(".")[0] in ("lessons_lib", "tests")]
            spaces = [vars(m) for m in modules]
            tables = [table for space in spaces for table in space.values() if isinstance(table, dict)]
            if isinstance(owner, type):
                changed.append((lambda value, owner=owner, name=name: setattr(owner, name, value), right))
                setattr(owner, name, wrong)
            for space in (*spaces, *tables):
                for key in [key for key, value in space.items() if value is right]:
                    changed.append((lambda value, space=space, key=key: space.__setitem__(key, value), right))
                    space[key] = wrong
        assert changed
        yield
    finally:
        for put, right in reversed(changed):
            put(right)


def fails_where_planted(bug: Bug, check: Callable[[], None]) -> None:
    """The check passes as it is, fails with the bug, and passes again."""
    check()
    with planted_everywhere(bug), pytest.raises((AssertionError, pytest.fail.Exception)):
        check()
    check()
