"""What a contract says, as small frozen objects. Everything that knows a dataset or a column learned it from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

PROVENANCE = {"batch_id": "string", "source_file": "string", "source_modified_at": "timestamp"}
"""Columns that each table carries after the contract's own: they make rows traceable and files that come out of order
safe.
"""


class Kind(StrEnum):
    """A column's type. Each is defined by a written form (`etl.plan.types`), not by what an engine's cast accepts."""

    INT = "int"
    BIGINT = "bigint"
    DOUBLE = "double"
    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"


class Severity(StrEnum):
    """What happens to a row that breaks a rule: it is set aside with the reason, or it is loaded and counted."""

    REJECT = "reject"
    WARN = "warn"


class WhenAbsent(StrEnum):
    """What a file that lacks an optional column says of it: nothing, so that the table's value stays; that it is empty;
    or the file is quarantined.
    """

    KEEP = "keep"
    EMPTY = "empty"
    QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Rule:
    """A predicate over one row's typed columns, in Spark SQL. A row breaks it where it is FALSE; NULL (a value is
    missing) breaks nothing.
    """

    name: str
    predicate: str
    severity: Severity
    description: str


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind
    required: bool
    description: str
    sample: str | None = None
    when_absent: WhenAbsent = WhenAbsent.KEEP


@dataclass(frozen=True)
class Parent:
    """`column` must hold a `key` that exists in the parent `dataset`; a row without it is an orphan, and waits."""

    column: str
    dataset: str
    key: str

    @property
    def reason(self) -> str:
        return f"{self.column}: no such {self.dataset}.{self.key}"


@dataclass(frozen=True)
class Contract:
    """One dataset's contract. `version` is the column whose greater value wins among rows of one key (None: the file's
    time decides); `job` is the name of the Glue job that loads it; `team`: who answers for the dataset.
    `allows_unknown`: of a file's columns more than half may be unknown to the contract (custom property
    `unknownColumns: allow`)."""

    dataset: str
    document: str
    contract_version: str
    description: str
    columns: tuple[Column, ...]
    key: str
    version: str | None
    partition: str | None
    parents: tuple[Parent, ...]
    rules: tuple[Rule, ...]
    sample_rows: int
    job: str
    team: str | None = None
    allows_unknown: bool = False

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        """The columns that each file must have."""
        return tuple(c.name for c in self.columns if c.required or c.when_absent is WhenAbsent.QUARANTINE)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """The columns of which the table's value stays where a file lacks them."""
        return tuple(
            c.name for c in self.columns if c.name not in self.required_names and c.when_absent is WhenAbsent.KEEP
        )

    @property
    def table_columns(self) -> dict[str, str]:
        """Name and type of each of the table's columns: the contract's, then the provenance."""
        return {column.name: str(column.kind) for column in self.columns} | PROVENANCE


@dataclass(frozen=True)
class Contracts(Mapping[str, Contract]):
    """All contracts by dataset, parents before their children."""

    in_load_order: tuple[Contract, ...]

    def __getitem__(self, dataset: str) -> Contract:
        for contract in self.in_load_order:
            if contract.dataset == dataset:
                return contract
        raise KeyError(dataset)

    def __iter__(self) -> Iterator[str]:
        return (contract.dataset for contract in self.in_load_order)

    def __len__(self) -> int:
        return len(self.in_load_order)
