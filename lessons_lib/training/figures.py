"""What draws a run: `train` and the commands are given it, since they themselves know nothing of drawing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Figures(Protocol):
    """Draws PNG files of a run. The module `course.run_figures` is one."""

    def losses(self, lines: Sequence[dict[str, Any]], file: Path) -> None:
        """Draws the lines of a journal, one per step, at least one."""

    def predictions(self, examples: Sequence[tuple[Any, Any]], classes: Sequence[str], file: Path) -> None:
        """Draws samples with their predictions, label maps or instances, beside the truth."""
