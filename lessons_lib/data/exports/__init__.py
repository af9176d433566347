"""What the readers of annotation tools' exports share: photographs found by name, shapes drawn, splits, one reader."""
