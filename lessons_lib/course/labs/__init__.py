"""Laboratories: one a lesson, each a pure `compute(...)`, a drawing, and thin ipywidgets."""
