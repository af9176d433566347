"""What a kernel runs first where the course opened JupyterLab: an exercise run too early says so.

The lesson's own import then takes the place of what stands here.
"""

import os
import runpy
from collections.abc import Callable
from typing import Any

if _theirs := os.environ.get("LESSONS_PYTHONSTARTUP"):
    globals().update(runpy.run_path(_theirs))  # the learner's own startup file, which ours took the place of


def exercise(exercise_id: str) -> Callable[[Any], Any]:
    """Decorator that leaves the answer as it is, and says what to run first."""

    def unready(answer: Any) -> Any:
        print(
            f"○ {exercise_id}: run the two cells at the top of the lesson first (imports and settings), then this one."
        )
        return answer

    return unready
