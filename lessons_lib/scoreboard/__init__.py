"""The scoreboard: every system of the lecture under one budget, beside the lecture's two tables."""
