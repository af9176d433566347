"""List the datasets, get one, or look whether it is whole: `python -m data_scripts.download NAME --to FOLDER`."""

import argparse
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from data_scripts.catalogue import DOWNLOADS, download_of
from data_scripts.fetch.download_errors import DownloadError
from data_scripts.fetch.fetching import Progress
from data_scripts.fetch.free_space import require_space
from data_scripts.fetch.placing import Job, place, space_for
from data_scripts.fetch.remote import RemoteFile, about, table
from data_scripts.fetch.verifying import verify
from lessons_lib.terminal import parsed, run

USAGE = """\
python -m data_scripts.download NAME --about     licence, registration, files, addresses, checksums, citation
python -m data_scripts.download NAME --to FOLDER download, check and extract; continues where it stopped
python -m data_scripts.download NAME --to FOLDER --verify    read it all again and compare"""


class Bars:
    """One progress bar a file; none where the output is not a terminal."""

    def __init__(self):
        self._bars: dict[str, tuple[str, tqdm]] = {}
        self._making = threading.Lock()

    def of(self, name: str) -> Progress:
        def progress(phase: str, done: int, total: int | None) -> None:
            with self._making:
                shown, bar = self._bars.get(name, ("", None))
                if bar is None or shown != phase:
                    if bar is not None:
                        bar.close()
                    bar = tqdm(desc=f"{name} {phase}", unit="B", unit_scale=True, disable=None, leave=False)
                    self._bars[name] = (phase, bar)
            bar.total = total
            bar.update(done - bar.n)

        return progress

    def close(self) -> None:
        for _, bar in self._bars.values():
            bar.close()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m data_scripts.download",
        description="Get a dataset of the catalogue. Without a name: list the catalogue.",
    )
    top.add_argument("name", nargs="?", metavar="NAME", help=f"one of {', '.join(DOWNLOADS)}")
    top.add_argument("--about", action="store_true", help="print all that the catalogue says of it, and fetch nothing")
    top.add_argument("--to", type=Path, metavar="FOLDER", help="the dataset's folder (default: datasets/NAME)")
    top.add_argument("--only", nargs="+", metavar="FILE", help="only these of its files, the optional ones included")
    top.add_argument("--verify", action="store_true", help="fetch nothing; check what is there, byte for byte")
    top.add_argument("--mirror", action="append", default=[], metavar="URL", help="ask this folder of files first")
    top.add_argument("--parallel", type=int, default=2, metavar="N", help="files at a time (default 2)")
    top.add_argument("--delete-archives", action="store_true", help="delete each archive once it is extracted")
    return top


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 0, 1 where something is missing or wrong, 2 for a wrong command, 130
    where the user stopped it."""
    top = parser()
    options = parsed(top, arguments)
    if idle := _idle(options, top):
        print(f"download: {idle}", file=sys.stderr)
        return 2
    if options.name is None:
        print(f"{table(list(DOWNLOADS.values()))}\n\n{USAGE}")
        return 0
    try:
        entry = download_of(options.name)
        files = entry.chosen(options.only)
        if options.parallel < 1:
            raise ValueError(f"--parallel must be ≥ 1, got {options.parallel}")
    except ValueError as error:
        print(f"download: {error}", file=sys.stderr)
        return 2
    if options.about:
        print(about(entry))
        return 0
    bars = Bars()
    job = Job(
        dataset=entry,
        root=options.to or Path("datasets", entry.name),
        mirrors=tuple(options.mirror),
        delete_archives=options.delete_archives,
        say=tqdm.write,
        progress=bars.of,
    )
    try:
        return _verify_all(job, files) if options.verify else _place_all(job, files, options.parallel)
    except BrokenPipeError:
        raise  # nobody reads what it says any more: see lessons_lib.terminal
    except OSError as error:
        print(f"download: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        bars.close()


def _idle(options: argparse.Namespace, top: argparse.ArgumentParser) -> str:
    """What to say of an option that would do nothing: without a name, with --about or with --verify; "" for none."""
    if options.name is None:
        heard, beside = set(), "without the NAME of a dataset"
    elif options.about:
        heard, beside = {"about"}, "with --about"
    elif options.verify:
        heard, beside = {"verify", "to", "only"}, "with --verify"
    else:
        return ""
    for name, value in vars(options).items():
        if name != "name" and name not in heard and value != top.get_default(name):
            return f"--{name.replace('_', '-')} must be left out {beside}, where it does nothing"
    return ""


def _verify_all(job: Job, files: list[RemoteFile]) -> int:
    verdicts = []
    for file in files:
        verdicts.append(verify(job, file))
        job.say(str(verdicts[-1]))
    return 1 if any(verdict.findings for verdict in verdicts) else 0


def _place_all(job: Job, files: list[RemoteFile], parallel: int) -> int:
    entry = job.dataset
    job.say(f"{entry.title}: {entry.licence or 'its licence is not known to the catalogue'}; {entry.page}")
    job.say(f"Please cite {entry.citation}")
    try:
        require_space(job.root, space_for(job, files), entry.name)
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    with ThreadPoolExecutor(min(parallel, len(files))) as pool:
        tasks = [pool.submit(place, job, file) for file in files]
        try:
            failures = [failure for task in tasks if (failure := _outcome(job, task))]
        except KeyboardInterrupt:
            job.stop.set()
            job.say("Stopping. What has come stays; the same command continues from there.")
            return 130
    for failure in failures:
        print(f"\n{failure}", file=sys.stderr)
    if failures:
        return 1
    job.say(f"{entry.name} is complete in {job.root.absolute()}")
    return 0


def _outcome(job: Job, task: Future) -> Exception | None:
    try:
        job.say(task.result())
    except BrokenPipeError:
        raise
    except (DownloadError, OSError) as error:
        return error
    return None


if __name__ == "__main__":
    sys.exit(run(main))
