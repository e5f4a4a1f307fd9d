"""What a load kept and what it left out: nothing is dropped without a line here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LeftOut:
    """`count` rows of a source that did not get through, and why, with up to three examples."""

    count: int
    why: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f" (such as {', '.join(self.examples)})" if self.examples else ""
        return f"{self.count:,} {self.why}{shown}"


@dataclass(frozen=True)
class SourceReport:
    """The outcome for one source: `kept` of `read` rows, the rest accounted for in `left_out`."""

    source: str
    unit: str  # what a row is: "genes", "edges", "genotypes"
    read: int
    kept: int
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        amount = f"{self.kept:,}" if self.kept == self.read else f"{self.kept:,} of {self.read:,}"
        lines = [f"{self.source}: kept {amount} {self.unit}"]
        lines += [f"  left out: {part}" for part in self.left_out]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass(frozen=True)
class LoadReport:
    """One entry per source, in the order of loading; `str` gives the text to print."""

    sources: tuple[SourceReport, ...] = field(default=())

    def __add__(self, other: LoadReport) -> LoadReport:
        return LoadReport(self.sources + other.sources)

    def __str__(self) -> str:
        return "\n".join(map(str, self.sources))


def examples(found: Sequence[str]) -> tuple[str, ...]:
    """The first three distinct entries, to show in a message."""
    return tuple(dict.fromkeys(found))[:3]
