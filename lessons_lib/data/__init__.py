"""Samples: the types, the procedural scenes, and one reader for each dataset format."""
