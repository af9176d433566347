"""What a check finds: the kind, the file, the field and the words; and the report of a whole dataset."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lessons_lib.data.files import DamagedFile


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `kind` sorts it, `file` lies below the folder checked, `field` is a part of the file."""

    kind: str
    file: str
    field: str
    what: str

    def line(self) -> str:
        """The finding on one line."""
        return f"{self.kind:18s} {self.file}{', ' + self.field if self.field else ''}: {self.what}"


@dataclass
class Report:
    """The findings of a dataset, one per file and field, and how many samples each split has and how many are whole.

    `splits` maps (layout, split) to [samples, whole samples].
    """

    path: Path
    splits: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _places: set[tuple[str, str]] = field(default_factory=set)

    def add(self, kind: str, file: Path | str, field: str, what: str) -> None:
        """Note a finding, unless this field of this file is noted already."""
        path = Path(file)
        name = path.relative_to(self.path).as_posix() if path.is_relative_to(self.path) else str(file)
        if (name, field) not in self._places:
            self._places.add((name, field))
            self.findings.append(Finding(kind, name, field, what))

    def add_damage(self, error: DamagedFile) -> None:
        """Note what a reader refused."""
        self.add(error.kind, error.file, error.field, error.reason)

    def table(self) -> str:
        """The splits with their samples, then the kinds of findings with their numbers."""
        lines = [f"{'layout':18s} {'split':12s} {'samples':>8s} {'whole':>8s}"]
        for (layout, split), (samples, whole) in self.splits.items():
            lines.append(f"{layout:18s} {split:12s} {samples:8d} {whole:8d}")
        counts = Counter(finding.kind for finding in self.findings)
        lines.append("")
        lines += [f"{kind:18s} {count:8d}" for kind, count in sorted(counts.items())]
        return "\n".join([*lines, f"{'findings':18s} {len(self.findings):8d}"])

    def record(self) -> dict:
        """The report for a JSON file."""
        splits = [
            {"layout": layout, "split": split, "samples": samples, "whole": whole}
            for (layout, split), (samples, whole) in self.splits.items()
        ]
        counts = Counter(finding.kind for finding in self.findings)
        findings = [asdict(finding) for finding in self.findings]
        return {"path": str(self.path), "splits": splits, "kinds": dict(sorted(counts.items())), "findings": findings}
