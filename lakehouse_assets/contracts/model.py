"""A contract's content as small frozen objects. All code takes the names of datasets and columns from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lakehouse_assets.written import WrittenForm

PROVENANCE = {"batch_id": "string", "source_file": "string", "source_modified_at": "timestamp"}
"""Columns that each table has after the contract's own. They make rows traceable, and they decide between rows with the
same key if files arrive out of order.
"""


class Kind(StrEnum):
    """A column's type. It is defined by a written form (`etl.plan.types`), not by what an engine's cast accepts."""

    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    DECIMAL = "decimal"
    FLOAT = "float"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"


WHOLE_NUMBERS = {Kind.SMALLINT, Kind.INT, Kind.BIGINT}
NUMBERS = {*WHOLE_NUMBERS, Kind.DECIMAL, Kind.FLOAT, Kind.DOUBLE}


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
class NumberForm:
    """How the numbers of a column are written. `percent`: followed by a percent sign; the value is a hundredth of the
    number.
    """

    decimal_char: str = "."
    group_char: str = ""
    percent: bool = False


@dataclass(frozen=True)
class TimeForm:
    """How the dates or timestamps of a column are written. `format`: in the letters of `written.LETTERS`; None: in the
    form of the type. `unix`: the unit of a Unix time. `zone`: that of times without an offset; None: UTC. `zone_names`:
    pairs of a name and its offset.
    """

    format: str | None = None
    unix: str | None = None
    zone: str | None = None
    zone_names: tuple[tuple[str, str], ...] = ()


Form = NumberForm | TimeForm


@dataclass(frozen=True)
class Column:
    """A column of the table. `digits`: of a decimal, the number of its digits and how many of them are decimals.
    `true_values`, `false_values`: of a boolean, the texts that mean true and false. `missing_values`: the texts that,
    beside a blank one, mean that there is no value. `headers`: its other names in the files. `form`:
    how its values are written there; None: in the form of the type. `derived`: the expression in Spark SQL that the
    column is calculated by, from the columns `sources`; None: it is read from the files.
    """

    name: str
    kind: Kind
    required: bool
    description: str
    sample: str | None = None
    when_absent: WhenAbsent = WhenAbsent.KEEP
    digits: tuple[int, int] | None = None
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    form: Form | None = None
    derived: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def written(self) -> WrittenForm | None:
        """How values are written that are not texts already; None: in the form of the type."""
        match self.form:
            case NumberForm(decimal_char, group_char, percent):
                return WrittenForm(decimal_char, group_char, percent)
            case TimeForm(format=pattern, unix=unix) if pattern or unix:
                return WrittenForm(format=pattern, unix=unix)
        if not self.true_values or ("TRUE" in self.true_values and "FALSE" in self.false_values):
            return None
        return WrittenForm(true=self.true_values[0], false=self.false_values[0])

    @property
    def from_files(self) -> tuple[str, ...]:
        """The columns of the files that the value comes from: itself, or those that it is calculated from."""
        return self.sources or (self.name,)

    @property
    def type(self) -> str:
        """The type as the table has it, in Spark SQL, Delta and Glue: a decimal with its digits."""
        return f"{self.kind}({self.digits[0]},{self.digits[1]})" if self.digits else str(self.kind)


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
    columns may be unknown to the contract (custom property `unknownColumns: allow`). `encodings`: pairs of a folder in
    the dataset's own one (empty: all files) and the encoding of its files.
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
    encodings: tuple[tuple[str, str], ...] = ()

    def encoding_of(self, name: str) -> str:
        """The encoding of a file; `name`: its key below the dataset's folder."""
        fitting = [pair for pair in self.encodings if name.startswith(pair[0])]
        return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else "utf-8"

    @property
    def key_in_words(self) -> str:
        return " and ".join(self.keys)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def aliases(self) -> tuple[tuple[str, str], ...]:
        """Pairs (name in a file, column) of the other names that the columns have in the files."""
        return tuple((header, column.name) for column in self.columns for header in column.headers)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns that are read from files."""
        return tuple(column for column in self.columns if column.derived is None)

    @property
    def file_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.file_columns)

    @property
    def required_names(self) -> tuple[str, ...]:
        """The columns that each file must have."""
        return tuple(c.name for c in self.file_columns if c.required or c.when_absent is WhenAbsent.QUARANTINE)

    @property
    def kept_names(self) -> tuple[str, ...]:
        """The columns whose value in the table stays if a file lacks them."""
        return tuple(
            c.name for c in self.file_columns if c.name not in self.required_names and c.when_absent is WhenAbsent.KEEP
        )

    @property
    def table_columns(self) -> dict[str, str]:
        """The table's columns as type by name: the contract's, then the provenance."""
        return {column.name: column.type for column in self.columns} | PROVENANCE


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
