"""Processes that place a file and can be killed: forked from one that has imported everything, so that each is cheap.

Run as a script it reads one job a line from its input, forks a child for it, and prints the child's number; the child
exits with 0, 3 (not enough space), 4 (another DownloadError) or 5 (anything else), and may be killed before.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

OUTCOMES = {0: "done", 3: "no space", 4: "download error", 5: "another error", -signal.SIGKILL: "killed"}


class Forks:
    """Starts children and waits for them."""

    def __init__(self, mother: subprocess.Popen):
        self.mother = mother

    def start(self, **job) -> int:
        """Fork a child for this job; return its process number."""
        self.mother.stdin.write(f"{json.dumps(job)}\n")
        self.mother.stdin.flush()
        return int(self.mother.stdout.readline())

    def wait(self, child: int) -> str:
        """How the child ended."""
        self.mother.stdin.write(f"{child}\n")
        self.mother.stdin.flush()
        return OUTCOMES[int(self.mother.stdout.readline())]

    def run(self, **job) -> str:
        return self.wait(self.start(**job))

    def run_and_kill(self, after: float, **job) -> str:
        """Kill the child after so many seconds, unless it has ended."""
        child = self.start(**job)
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)  # not waited for yet, so the number is still its own
        return self.wait(child)


@contextlib.contextmanager
def forks() -> Iterator[Forks]:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=root
    ) as mother:
        try:
            yield Forks(mother)
        finally:
            mother.stdin.close()
            assert mother.wait(timeout=600) == 0


class Moments:
    """Counts the moments before which Python tells that it opens, renames, removes or makes a file or folder, and kills
    its own process at the one with the number `last`."""

    def __init__(self, last: int | None):
        self.count, self.last = 0, last

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"):
            self.count += 1
            if self.count == self.last:
                os.kill(os.getpid(), signal.SIGKILL)


def place_one(
    url: str,
    root: str,
    checksum: str | None = None,
    most_bytes: int | None = None,
    die_at: int | None = None,
    report: str | None = None,
) -> int:
    """In the child: place the file of this address, and say in the file `report` how many moments and bytes it took."""
    from data_scripts.fetch.download_errors import DownloadError, NotEnoughSpace
    from data_scripts.fetch.fetching import Manners
    from data_scripts.fetch.placing import Job, place
    from data_scripts.fetch.remote import Download, RemoteFile

    if most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))
    name = url.rpartition("/")[2]
    gives = "out/*/*.bin" if name.startswith("set") else f"out/{name}"
    file = RemoteFile(name=name, urls=(url,), checksum=checksum, into="out", gives=((gives, None),))
    entry = Download("tried", "Tried", "1", {"train": 1}, None, "here", "nobody", (file,))
    moments = Moments(die_at)
    sys.addaudithook(moments)
    job = Job(entry, Path(root), manners=Manners(rounds=3, timeout=(30, 30)), say=lambda text: None)
    try:
        place(job, file)
    except NotEnoughSpace:
        return 3
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 4
    if report:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        Path(report).write_text(json.dumps({"moments": moments.count, "peak": peak}), "utf-8")
    return 0


def main() -> None:
    import data_scripts.fetch.placing  # noqa: F401  (once, for all children)

    for line in sys.stdin:
        if line.strip().isdecimal():
            _, status = os.waitpid(int(line), 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        outcome = 5
        try:
            outcome = place_one(**json.loads(line))
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            os._exit(outcome)


if __name__ == "__main__":
    main()
