"""Bugs that people really make in detectors: planted one at a time, and what each costs."""
