"""One torch thread a worker, and a home of its own, so that no test touches the user's progress."""

import atexit
import os
import shutil
import tempfile

os.environ["LESSONS_HOME"] = tempfile.mkdtemp(prefix="lessons-home-")
atexit.register(shutil.rmtree, os.environ["LESSONS_HOME"], ignore_errors=True)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis  # noqa: E402  (the lines above must come first)
import matplotlib  # noqa: E402
import torch  # noqa: E402

# In this process only: a kernel that a test starts must still draw inline, so no MPLBACKEND in the environment.
matplotlib.use("Agg")
torch.set_num_threads(1)
hypothesis.settings.register_profile("course", deadline=None)  # a busy machine is slow, and that is no fault
hypothesis.settings.load_profile("course")
