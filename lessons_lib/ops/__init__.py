"""What the lecture computes with: one operator a file, in plain torch."""
