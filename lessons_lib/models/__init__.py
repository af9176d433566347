"""Models: one system of the lecture a file, each with `forward(batch)` for its losses and `predict(images)`."""
