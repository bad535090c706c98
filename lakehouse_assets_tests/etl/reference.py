"""Computes the expected tables and rejected records in plain Python: an independent reading of the contracts and of the
design.

It shares nothing with the plan: no SQL, no contract document, and its own forms of the types. For the same files, an
engine must give equal results.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lakehouse_assets_tests.etl.reference_values import DAY, PARSERS, Parser, is_day

Values = Mapping[str, Any]
Key = tuple[Any, ...]


def at_least(column: str, least: int) -> Callable[[Values], bool]:
    return lambda values: values[column] is None or values[column] >= least


def formed_as_day(values: Values) -> bool:
    return values["date"] is None or DAY.fullmatch(values["date"]) is not None


def names_a_day(values: Values) -> bool:
    found = DAY.fullmatch(values["date"] or "")
    return found is None or is_day(*(int(part) for part in found.groups()))


def is_the_timestamps_day(values: Values) -> bool:
    return bool(values["order_timestamp"].strftime("%Y-%m-%d") == values["date"])


@dataclass(frozen=True)
class Dataset:
    """forms: column to the name of its type; rules and warnings: name to a predicate that holds for a sound row;
    parents: columns to the dataset whose key they hold; parent_keys: the columns of that key, where they are not in
    its order; parsers: those of the columns whose form is not that of the type alone; missing: the texts that mean no
    value; derived: calculated columns.
    """

    forms: dict[str, str]
    keys: tuple[str, ...]
    version: str | None = None
    optional: tuple[str, ...] = ()
    parents: dict[tuple[str, ...], str] = field(default_factory=dict)
    parent_keys: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    rules: dict[str, Callable[[Values], bool]] = field(default_factory=dict)
    warnings: dict[str, Callable[[Values], bool]] = field(default_factory=dict)
    parsers: dict[str, Parser] = field(default_factory=dict)
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    derived: dict[str, Callable[[Values], Any]] = field(default_factory=dict)

    def key_of(self, values: Values) -> Key:
        return tuple(values[name] for name in self.keys)

    def key_text(self, raw: Mapping[str, str]) -> str | None:
        """The key as a rejected record has it."""
        return ", ".join(raw[name] for name in self.keys) if raw.keys() >= set(self.keys) else None


DATED = {"date: pattern": formed_as_day, "date_is_a_day": names_a_day}
DATASETS = {
    "products": Dataset(
        forms={"product_id": "int", "department_id": "int", "department": "string", "product_name": "string"},
        keys=("product_id",),
        rules={
            "product_id: minimum 0": at_least("product_id", 0),
            "department_id: minimum 0": at_least("department_id", 0),
        },
    ),
    "orders": Dataset(
        forms={
            "order_num": "int",
            "order_id": "int",
            "user_id": "int",
            "order_timestamp": "timestamp",
            "total_amount": "double",
            "date": "string",
        },
        keys=("order_id",),
        version="order_timestamp",
        rules={f"{column}: minimum 0": at_least(column, 0) for column in ("order_id", "user_id", "total_amount")}
        | DATED,
        warnings={"date_is_the_timestamps_day": is_the_timestamps_day},
    ),
    "order_items": Dataset(
        forms={
            **dict.fromkeys(
                ("id", "order_id", "user_id", "days_since_prior_order", "product_id", "add_to_cart_order", "reordered"),
                "int",
            ),
            "order_timestamp": "timestamp",
            "date": "string",
        },
        keys=("id",),
        version="order_timestamp",
        optional=("days_since_prior_order",),
        parents={("order_id",): "orders", ("product_id",): "products"},
        rules={
            f"{column}: minimum 0": at_least(column, 0)
            for column in ("id", "user_id", "days_since_prior_order", "add_to_cart_order")
        }
        | {"reordered: not an allowed value": lambda values: values["reordered"] in (None, 0, 1)}
        | DATED,
        warnings={"date_is_the_timestamps_day": is_the_timestamps_day},
    ),
}


@dataclass(frozen=True)
class File:
    """A file's rows: `rows` are lists of texts below `header`. `content`: a name for the rows, for files that come
    again with the same content.
    """

    name: str
    minutes: int
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    content: str = ""


@dataclass(frozen=True)
class Row:
    """An accepted row and where it came from; in a table also which batch wrote it. `silent`: the columns that its file
    does not have.
    """

    values: dict[str, Any]
    minutes: int
    file: str
    batch: str = ""
    warned: tuple[str, ...] = ()
    number: int = 0
    silent: frozenset[str] = frozenset()
    record: Record | None = None


@dataclass
class Record:
    """A rejected record."""

    file: str
    minutes: int
    number: int
    raw: dict[str, str]
    reasons: list[str]
    batch: str
    waiting: bool
    healed_by: str | None = None
    resolved_by: str | None = None
    resolution: str | None = None
    content: str = ""

    @property
    def is_open(self) -> bool:
        return self.resolved_by is None

    def settle(self, batch: str, how: str) -> None:
        self.waiting, self.resolved_by, self.resolution = False, batch, how
        self.healed_by = batch if how == "healed" else None


def judge(dataset: Dataset, raw: Mapping[str, str]) -> tuple[dict[str, Any], list[str], tuple[str, ...]]:
    """Returns the typed values of a row, the reasons why it is rejected, and the warnings that it breaks if it is
    accepted.
    """
    values: dict[str, Any] = {}
    reasons: list[str] = []
    for column, form in dataset.forms.items():
        text = raw.get(column, "")
        blank = text.strip(" ") in ("", *dataset.missing.get(column, ()))
        values[column] = None if blank else (dataset.parsers.get(column) or PARSERS[form])(text)
        if blank and column not in dataset.optional:
            reasons.append(f"{column}: required")
        elif not blank and values[column] is None:
            reasons.append(f"{column}: not {form}")
    values |= {column: calculate(values) for column, calculate in dataset.derived.items()}
    reasons += [name for name, holds in dataset.rules.items() if not holds(values)]
    warned = () if reasons else tuple(name for name, holds in dataset.warnings.items() if not holds(values))
    return values, reasons, warned


class Reference:
    """The tables and rejected records after any batches. `datasets`: parents first."""

    def __init__(self, datasets: Mapping[str, Dataset] = DATASETS) -> None:
        self.datasets = datasets
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in datasets}
        self.rejects: dict[str, list[Record]] = {name: [] for name in datasets}

    def batch(self, batch: str, files: Mapping[str, Sequence[File]]) -> dict[str, dict[str, Any]]:
        """Loads a batch, parents first. Returns, per dataset, the counts that are not 0, the reasons and the
        warnings.
        """
        before = {name: set(table) for name, table in self.tables.items()}
        return {name: self._load(name, batch, files.get(name, ()), before) for name in self.datasets}

    def _load(self, name: str, batch: str, files: Sequence[File], before: Mapping[str, set[Key]]) -> dict[str, Any]:
        dataset = self.datasets[name]
        counts: Counter[str] = Counter()
        reasons_of_all: Counter[str] = Counter()
        accepted: list[Row] = []
        refused: list[tuple[Record, Row]] = []
        arrived = {columns: self.tables[parent].keys() - before[parent] for columns, parent in dataset.parents.items()}
        earlier = list(self.rejects[name])
        read_again = {file.content for file in files if file.content}
        still_missing: list[tuple[Record, list[str]]] = []
        for file in files:
            silent = frozenset(column for column in dataset.optional if column not in file.header)
            for number, fields in enumerate(file.rows, start=1):
                counts["read"] += 1
                values, reasons, warned = judge(dataset, raw := dict(zip(file.header, fields, strict=False)))
                if len(fields) != len(file.header):
                    reasons, warned = [f"{len(fields)} fields where the header has {len(file.header)}"], ()
                    raw |= {
                        f"(field {place})": text
                        for place, text in enumerate(fields, start=1)
                        if place > len(file.header)
                    }
                    values = dict.fromkeys(values)
                missing = [] if reasons else self._missing(dataset, values)
                row = Row(values, file.minutes, file.name, batch, warned, number, silent)
                if reasons or missing:
                    record = Record(
                        file.name,
                        file.minutes,
                        number,
                        raw,
                        reasons or missing,
                        batch,
                        bool(missing),
                        content=file.content,
                    )
                    refused.append((self._write(name, record), row))
                    reasons_of_all.update(reasons or missing)
                    counts["rejected"] += 1
                    counts.update(f"warned {rule}" for rule in warned)
                else:
                    known = [
                        r
                        for r in earlier
                        if file.content and (r.content, r.number) == (file.content, number) and r.is_open
                    ]
                    accepted.append(replace(row, record=known[0] if known else None))
        for record in [record for record in earlier if record.waiting and record.content not in read_again]:
            values, _, warned = judge(dataset, record.raw)
            lacked = [
                columns
                for columns, parent in dataset.parents.items()
                if self._no_such(dataset, columns, parent) in record.reasons
            ]
            if not any(self._referred(dataset, columns, values) in arrived[columns] for columns in lacked):
                continue
            counts["retried"] += 1
            if missing := self._missing(dataset, values):
                still_missing.append((record, missing))
                reasons_of_all.update(missing)
                counts["rejected"] += 1
                counts.update(f"warned {rule}" for rule in warned)
            else:
                silent = frozenset(column for column in dataset.optional if column not in record.raw)
                accepted.append(Row(values, record.minutes, record.file, batch, warned, record.number, silent, record))
        old = dict(self.tables[name])
        self._merge(name, batch, accepted, counts, read_again)
        self._resolve(name, batch, accepted, refused, earlier, read_again, old)
        for record, missing in still_missing:
            record.reasons = missing if record.is_open else record.reasons
        warnings = {rule: counts.pop(f"warned {rule}") for rule in dataset.warnings if counts[f"warned {rule}"]}
        return {
            "counts": {key: number for key, number in counts.items() if number},
            "reasons": dict(reasons_of_all),
            "warnings": warnings,
        }

    def _write(self, name: str, record: Record) -> Record:
        """Adds a record. If a record of the same content exists, it is opened again and assigned to the newest file
        that contains it.
        """
        known = [
            r for r in self.rejects[name] if record.content and (r.content, r.number) == (record.content, record.number)
        ]
        if not known:
            self.rejects[name].append(record)
            return record
        if record.minutes >= known[0].minutes:
            vars(known[0]).update(vars(record))
        return known[0]

    def _missing(self, dataset: Dataset, values: Values) -> list[str]:
        """A row that lacks one of the columns refers to no parent."""
        found = []
        for columns, parent in dataset.parents.items():
            referred = self._referred(dataset, columns, values)
            if None not in referred and referred not in self.tables[parent]:
                found.append(self._no_such(dataset, columns, parent))
        return found

    def _referred(self, dataset: Dataset, columns: tuple[str, ...], values: Values) -> Key:
        """The parent's key that a row refers to."""
        parent = self.datasets[dataset.parents[columns]]
        of_key = {
            key: values[column]
            for column, key in zip(columns, dataset.parent_keys.get(columns, parent.keys), strict=True)
        }
        return parent.key_of(of_key)

    def _no_such(self, dataset: Dataset, columns: tuple[str, ...], parent: str) -> str:
        keys = ", ".join(dataset.parent_keys.get(columns, self.datasets[parent].keys))
        return f"{', '.join(columns)}: no such {parent}{f'.{keys}' if len(columns) == 1 else f' ({keys})'}"

    def _merge(self, name: str, batch: str, accepted: list[Row], counts: Counter[str], read_again: set[str]) -> None:
        """Applies the rows one after the other, in the order in which they arrived, as if each came in a batch of its
        own. Then it counts the result for each row as one batch.
        """
        dataset, table = self.datasets[name], self.tables[name]
        by_key: dict[Key, list[Row]] = {}
        for row in accepted:
            by_key.setdefault(dataset.key_of(row.values), []).append(row)
            counts.update(f"warned {rule}" for rule in row.warned)
        for key, rows in by_key.items():
            present = now = table.get(key)
            best = max(rows, key=lambda row: (*age(dataset, row), row.number))
            for row in sorted(rows, key=lambda row: (row.minutes, row.number)):
                if now is None or age(dataset, row) >= age(dataset, now):
                    said = {column: value for column, value in row.values.items() if column not in row.silent}
                    now = replace(row, values=(now.values if now else row.values) | said)
            assert now is not None
            counts["duplicates"] += len(rows) - 1
            if present is None:
                verdict = "inserted"
            elif age(dataset, best) >= age(dataset, present):
                verdict = "unchanged" if now.values == present.values else "updated"
            else:
                told = best.values | {column: present.values[column] for column in best.silent}
                verdict = "unchanged" if told == present.values else "stale"
            counts[verdict] += 1
            for row in rows:
                if row.record:
                    in_table = row is best and verdict != "stale"
                    again = row.record.content in read_again
                    row.record.settle(
                        batch,
                        "healed"
                        if (row.record.waiting if again else in_table)
                        else "replayed"
                        if again
                        else "corrected",
                    )
            if verdict in ("inserted", "updated") or (
                present is not None and verdict == "unchanged" and best.minutes > present.minutes
            ):
                table[key] = replace(now, batch=batch, warned=(), number=0, silent=frozenset(), record=None)

    def _resolve(
        self,
        name: str,
        batch: str,
        accepted: list[Row],
        refused: list[tuple[Record, Row]],
        earlier: list[Record],
        read_again: set[str],
        old: Mapping[Key, Row],
    ) -> None:
        """An open record is corrected by a newer, accepted row of its key. A record that this batch wrote is also
        corrected by a newer row that was in the table before.
        """
        dataset = self.datasets[name]
        of_key: dict[Key, list[Row]] = defaultdict(list)
        for row in accepted:
            of_key[dataset.key_of(row.values)].append(row)
        for record in earlier:
            if record.is_open and record.content not in read_again:
                values, _, _ = judge(dataset, record.raw)
                others = of_key.get(dataset.key_of(values), [])
                if any(comes_after(dataset, row, values, record.minutes) for row in others):
                    record.settle(batch, "corrected")
        for record, row in refused:
            if row.minutes < record.minutes:
                continue
            others = of_key.get(dataset.key_of(row.values), [])
            in_table = old.get(dataset.key_of(row.values))
            if any(comes_after(dataset, other, row.values, row.minutes, row.number) for other in others) or (
                in_table is not None and comes_after(dataset, in_table, row.values, row.minutes)
            ):
                record.settle(batch, "corrected")


def comes_after(dataset: Dataset, row: Row, values: Values, minutes: int, number: int | None = None) -> bool:
    """Whether an accepted row comes after a rejected one: by their versions if both have one, otherwise by the time of
    arrival.
    """
    if (
        dataset.version
        and values[dataset.version] is not None
        and row.values[dataset.version] != values[dataset.version]
    ):
        return bool(row.values[dataset.version] > values[dataset.version])
    return row.minutes > minutes or (number is not None and row.minutes == minutes and row.number > number)


def age(dataset: Dataset, row: Row) -> tuple[Any, ...]:
    version = (row.values[dataset.version],) if dataset.version else ()
    return (*version, row.minutes)
