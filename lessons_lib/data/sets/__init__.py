"""The datasets on a disk: one reader a file, all giving the same Sample."""
