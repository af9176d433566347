"""What the lecture computes with: one operator per file, in plain torch."""
