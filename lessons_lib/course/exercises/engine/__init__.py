"""The exercise engine: it runs, checks and compares an answer, and draws the card."""
