"""One torch thread a worker, and a home of its own, so that no test touches the user's progress."""

import os
import tempfile

os.environ["LESSONS_HOME"] = tempfile.mkdtemp(prefix="lessons-home-")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import torch

torch.set_num_threads(1)
