"""All bugs that are priced, in the order of the table."""

from lessons_lib.course.bugs import boxes, masks

NO_BUG = masks.NO_BUG
BUGS = (*boxes.BUGS, *masks.BUGS, *masks.VARIANTS)
CAREFUL = ("softmax over the classes", "RoIPool", "C4")
"""What claims of the lecture rest on: from more seeds than the others."""
