"""The instance models: a mask, a box, a class and a confidence for every object."""
