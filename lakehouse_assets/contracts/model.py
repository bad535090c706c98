"""A contract's content as small frozen objects. All code takes the names of datasets and columns from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

PROVENANCE = {"batch_id": "string", "source_file": "string", "source_modified_at": "timestamp"}
"""Columns that each table has after the contract's own. They make rows traceable, and they decide between rows with the
same key if files arrive out of order.
"""


class Kind(StrEnum):
    """A column's type. It is defined by a written form (`etl.plan.types`), not by what an engine's cast accepts."""

    INT = "int"
    BIGINT = "bigint"
    DOUBLE = "double"
    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"


class Severity(StrEnum):
    """What happens to a row that breaks a rule: it is rejected with the reason, or it is loaded and counted."""

    REJECT = "reject"
    WARN = "warn"


class WhenAbsent(StrEnum):
    """What happens if a file lacks an optional column: the table's value stays (keep), the value becomes NULL (empty),
    or the file is quarantined.
    """

    KEEP = "keep"
    EMPTY = "empty"
    QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Rule:
    """A predicate over one row's typed columns, in Spark SQL. A row breaks the rule if the predicate is FALSE. NULL (a
    value is missing) does not break it.
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
    """`columns` must hold the key of a row that exists in the parent `dataset`. `keys`: for each of the columns, the
    parent's key column that it refers to. A row without such a parent is an orphan: it is rejected and waits for the
    parent. A row that lacks a value in one of the columns refers to no parent (in SQL: MATCH SIMPLE).
    """

    columns: tuple[str, ...]
    dataset: str
    keys: tuple[str, ...]

    @property
    def columns_in_words(self) -> str:
        return " and ".join(self.columns)

    @property
    def target(self) -> str:
        """The parent and its key, for a person."""
        several = len(self.keys) > 1
        return f"{self.dataset} ({', '.join(self.keys)})" if several else f"{self.dataset}.{self.keys[0]}"

    @property
    def reason(self) -> str:
        return f"{', '.join(self.columns)}: no such {self.target}"


@dataclass(frozen=True)
class Contract:
    """One dataset's contract. `keys`: the columns of the key, by their position in it. `version`: among rows with the
    same key, the greatest value of this column wins (None: the file's time decides). `job`: the name of the Glue job
    that loads the dataset. `team`: the team that is responsible for it. `allows_unknown`: more than half of a file's
    columns may be unknown to the contract (custom property `unknownColumns: allow`).
    """

    dataset: str
    document: str
    contract_version: str
    description: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    version: str | None
    partition: str | None
    parents: tuple[Parent, ...]
    rules: tuple[Rule, ...]
    sample_rows: int
    job: str
    team: str | None = None
    allows_unknown: bool = False

    @property
    def key_in_words(self) -> str:
        return " and ".join(self.keys)

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
        """The columns whose value in the table stays if a file lacks them."""
        return tuple(
            c.name for c in self.columns if c.name not in self.required_names and c.when_absent is WhenAbsent.KEEP
        )

    @property
    def table_columns(self) -> dict[str, str]:
        """The table's columns as type by name: the contract's, then the provenance."""
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
