"""All bugs that are priced, in the order in which they are trained."""

from lessons_lib.course.bugs import boxes, masks

NO_BUG = masks.NO_BUG
BUGS = (*masks.BUGS, *masks.VARIANTS, *boxes.BUGS)
CAREFUL = ("softmax over the classes", "RoIPool")
"""What claims of the lecture rest on: from more seeds than the others."""
