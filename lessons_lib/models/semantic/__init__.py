"""The semantic models: one class for every pixel."""
