"""The recall of a detector's proposals among its scores: in JSON, and as lines of the table that people read."""

import math
from typing import Any

from lessons_lib.metrics.proposal_recall import ProposalRecall

ROWS = {"proposal_recall50": "at IoU 0.5", "proposal_recall": "mean over IoU 0.5 to 0.95"}
"""The two entries of scores.json, recall by the number of proposals, each with its words in the table."""


def proposal_scores(recall: ProposalRecall) -> dict[str, dict[str, float | None]]:
    """The recall at each number of proposals, ready for JSON; nothing for a model that proposed nothing."""
    if not recall.pictures:
        return {}
    computed = recall.compute()
    values = zip(ROWS, (computed["recall50"], computed["recall"]), strict=True)
    return {name: {str(n): None if math.isnan(x) else x for n, x in row.items()} for name, row in values}


def proposal_lines(scores: dict[str, Any]) -> list[str]:
    """The recall as text, a column per number of proposals; no lines where the scores have none."""
    if not all(name in scores for name in ROWS):
        return []
    title = "recall of the first … proposals"
    width = max(map(len, (title, *ROWS.values())))
    lines = [f"{title:<{width}}" + "".join(f"{count:>8}" for count in scores["proposal_recall"])]
    for name, words in ROWS.items():
        cells = ("–" if value is None else f"{value:.4f}" for value in scores[name].values())
        lines.append(f"{words:<{width}}" + "".join(f"{cell:>8}" for cell in cells))
    return lines
