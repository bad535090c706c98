"""The faults of contract documents: each with its document, its line, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass, field

from lakehouse_assets.contracts.document import Document
from lakehouse_assets.errors import BadConfiguration


@dataclass(frozen=True)
class Fault:
    """`document`: the file's name; None if the fault is about several. `line`: from 1; None if it is not known."""

    document: str | None
    line: int | None
    text: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, [self.document, f"line {self.line}" if self.line is not None else ""]))
        return f"{place}: {self.text}" if place else self.text


@dataclass
class Faults:
    """The faults that were found so far, and the documents that they are looked up in."""

    found: list[Fault] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)

    def add(self, document: str | None, text: str, line: int | None = None) -> None:
        """Adds a fault. Without a `line` it is that of the column, rule or word that the text names."""
        known = self.documents.get(document or "")
        if known and line is None:
            if known.is_cut and not known.is_certain(text):
                return
            line = known.line_of(text)
        fault = Fault(document, line, text)
        if fault not in self.found:
            self.found.append(fault)

    def in_order(self) -> tuple[Fault, ...]:
        """By document, then by line."""
        return tuple(sorted(self.found, key=lambda fault: (fault.document or "\uffff", fault.line or 0)))


def refuse(faults: tuple[Fault, ...]) -> None:
    """Raises BadConfiguration that lists the faults, if there are any."""
    if faults:
        raise BadConfiguration("The contracts cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))
