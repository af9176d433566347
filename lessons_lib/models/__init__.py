"""Models: one system of the lecture per file, each with `forward(batch)` for its losses and `predict(images)`."""
