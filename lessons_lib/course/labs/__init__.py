"""Laboratories: one per lesson, each a pure `compute(...)`, a drawing, and thin ipywidgets."""
