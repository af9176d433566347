"""For tests of everything but what a lesson learns: its kernel trains for some steps only, and claims nothing."""

from pathlib import Path

STARTUP = """import sys
from itertools import islice

from lessons_lib.course import claims
from lessons_lib.training import loop


def fit_for_some_steps(*args, whole=loop.fit, **options):
    every = whole(*args, **options)
    of_a_lesson = sys._getframe(1).f_globals["__name__"] == "__main__"  # a run with a folder goes to its end
    return islice(every, 30) if of_a_lesson else every


loop.fit = fit_for_some_steps
claims.claim = lambda *args, **options: None
"""
"""The lessons' curves are means of up to 25 steps."""


def train_for_some_steps(ipython: Path) -> None:
    """Writes what every kernel whose IPYTHONDIR is this folder runs first."""
    startup = ipython / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "some_steps.py").write_text(STARTUP, "utf-8")
