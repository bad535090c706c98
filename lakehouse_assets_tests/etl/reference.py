"""What must become of any rows, in plain Python: an independent reading of the contracts and of the design's words.

It shares nothing with the plan: no SQL, no contract document, its own forms. What an engine does to the same files must be equal to it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

INTEGER = re.compile(r" *([+-]?[0-9]{1,19})(?:\.0+)? *")
DOUBLE = re.compile(r" *([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?) *")
TIMESTAMP = re.compile(
    r" *([1-9][0-9]{3})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6})0{0,3})?"
    r"(?: ?(?:([Zz]|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?))? *"
)
DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")

Values = Mapping[str, Any]


def whole_number(text: str) -> int | None:
    found = INTEGER.fullmatch(text)
    return int(found[1]) if found and -(2**31) <= int(found[1]) < 2**31 else None


def decimal_number(text: str) -> float | None:
    found = DOUBLE.fullmatch(text)
    return float(found[1]) if found and abs(float(found[1])) < 1e300 else None


def moment(text: str) -> datetime | None:
    found = TIMESTAMP.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    sign, hours, minutes = found[9], int(found[10] or 0), int(found[11] or 0)
    if hour > 23 or minute > 59 or second > 59 or hours > 14 or minutes > 59 or not is_day(year, month, day):
        return None
    if sign and not 1100 <= year <= 9899:
        return None
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)
    micro = int((found[7] or "0").ljust(6, "0"))
    return datetime(year, month, day, hour, minute, second, micro, timezone(offset)).astimezone(UTC)


def is_day(year: int, month: int, day: int) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def at_least_0(column: str) -> Callable[[Values], bool]:
    return lambda values: values[column] is None or values[column] >= 0


def formed_as_day(values: Values) -> bool:
    return values["date"] is None or DAY.fullmatch(values["date"]) is not None


def names_a_day(values: Values) -> bool:
    found = DAY.fullmatch(values["date"] or "")
    return found is None or is_day(*(int(part) for part in found.groups()))


def is_the_timestamps_day(values: Values) -> bool:
    return bool(values["order_timestamp"].strftime("%Y-%m-%d") == values["date"])


@dataclass(frozen=True)
class Dataset:
    """forms: column to the name of its type; rules and warnings: name to a predicate that holds for a sound row."""

    forms: dict[str, str]
    key: str
    version: str | None = None
    optional: tuple[str, ...] = ()
    parents: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Callable[[Values], bool]] = field(default_factory=dict)
    warnings: dict[str, Callable[[Values], bool]] = field(default_factory=dict)


PARSERS: dict[str, Callable[[str], Any]] = {"int": whole_number, "double": decimal_number, "timestamp": moment, "string": lambda text: text}
DATED = {"date: pattern": formed_as_day, "date_is_a_day": names_a_day}
DATASETS = {
    "products": Dataset(
        forms={"product_id": "int", "department_id": "int", "department": "string", "product_name": "string"},
        key="product_id",
        rules={"product_id: minimum 0": at_least_0("product_id"), "department_id: minimum 0": at_least_0("department_id")},
    ),
    "orders": Dataset(
        forms={"order_num": "int", "order_id": "int", "user_id": "int", "order_timestamp": "timestamp", "total_amount": "double", "date": "string"},
        key="order_id",
        version="order_timestamp",
        rules={f"{column}: minimum 0": at_least_0(column) for column in ("order_id", "user_id", "total_amount")} | DATED,
        warnings={"date_is_the_timestamps_day": is_the_timestamps_day},
    ),
    "order_items": Dataset(
        forms={
            **dict.fromkeys(("id", "order_id", "user_id", "days_since_prior_order", "product_id", "add_to_cart_order", "reordered"), "int"),
            "order_timestamp": "timestamp",
            "date": "string",
        },
        key="id",
        version="order_timestamp",
        optional=("days_since_prior_order",),
        parents={"order_id": "orders", "product_id": "products"},
        rules={f"{column}: minimum 0": at_least_0(column) for column in ("id", "user_id", "days_since_prior_order", "add_to_cart_order")}
        | {"reordered: not an allowed value": lambda values: values["reordered"] in (None, 0, 1)}
        | DATED,
        warnings={"date_is_the_timestamps_day": is_the_timestamps_day},
    ),
}


@dataclass(frozen=True)
class File:
    """A file's rows as they are in it: `rows` are lists of texts below `header`."""

    name: str
    minutes: int
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Row:
    """An accepted row and where it came from; in a table also which batch wrote it."""

    values: dict[str, Any]
    minutes: int
    file: str
    batch: str = ""
    warned: tuple[str, ...] = ()


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


def judge(dataset: Dataset, raw: Mapping[str, str]) -> tuple[dict[str, Any], list[str], tuple[str, ...]]:
    """The typed values of a row, why it is rejected, and which warnings it breaks if it is not."""
    values: dict[str, Any] = {}
    reasons: list[str] = []
    for column, form in dataset.forms.items():
        text = raw.get(column, "")
        blank = text.strip(" ") == ""
        values[column] = None if blank else PARSERS[form](text)
        if blank and column not in dataset.optional:
            reasons.append(f"{column}: required")
        elif not blank and values[column] is None:
            reasons.append(f"{column}: not {form}")
    reasons += [name for name, holds in dataset.rules.items() if not holds(values)]
    warned = () if reasons else tuple(name for name, holds in dataset.warnings.items() if not holds(values))
    return values, reasons, warned


class Reference:
    """The tables and rejected records after any batches."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Row]] = {name: {} for name in DATASETS}
        self.rejects: dict[str, list[Record]] = {name: [] for name in DATASETS}

    def batch(self, batch: str, files: Mapping[str, Sequence[File]]) -> dict[str, dict[str, Any]]:
        """Takes in a batch, parents first. Per dataset the counts that are not 0, the reasons and the warnings."""
        before = {name: set(table) for name, table in self.tables.items()}
        return {name: self._load(name, batch, files.get(name, ()), before) for name in DATASETS}

    def _load(self, name: str, batch: str, files: Sequence[File], before: Mapping[str, set[int]]) -> dict[str, Any]:
        dataset = DATASETS[name]
        counts: Counter[str] = Counter()
        reasons_of_all: Counter[str] = Counter()
        accepted: list[Row] = []
        arrived = {column: self.tables[parent].keys() - before[parent] for column, parent in dataset.parents.items()}
        waiting = [record for record in self.rejects[name] if record.waiting]
        for file in files:
            for number, fields in enumerate(file.rows, start=1):
                counts["read"] += 1
                values, reasons, warned = judge(dataset, raw := dict(zip(file.header, fields, strict=False)))
                if len(fields) != len(file.header):
                    reasons, warned = [f"{len(fields)} fields where the header has {len(file.header)}"], ()
                    raw |= {f"(field {place})": text for place, text in enumerate(fields, start=1) if place > len(file.header)}
                missing = [] if reasons else self._missing(dataset, values)
                if reasons or missing:
                    self.rejects[name].append(Record(file.name, file.minutes, number, raw, reasons or missing, batch, bool(missing)))
                    reasons_of_all.update(reasons or missing)
                    counts["rejected"] += 1
                    counts.update(f"warned {rule}" for rule in warned)
                else:
                    accepted.append(Row(values, file.minutes, file.name, batch, warned))
        for record in waiting:
            values, _, warned = judge(dataset, record.raw)
            lacked = [column for column, parent in dataset.parents.items() if no_such(column, parent) in record.reasons]
            if not any(values[column] in arrived[column] for column in lacked):
                continue
            counts["retried"] += 1
            if missing := self._missing(dataset, values):
                record.reasons = missing
                reasons_of_all.update(missing)
                counts["rejected"] += 1
                counts.update(f"warned {rule}" for rule in warned)
            else:
                record.waiting, record.healed_by = False, batch
                accepted.append(Row(values, record.minutes, record.file, batch, warned))
        self._merge(name, accepted, counts)
        warnings = {rule: counts.pop(f"warned {rule}") for rule in dataset.warnings if counts[f"warned {rule}"]}
        return {"counts": {key: number for key, number in counts.items() if number}, "reasons": dict(reasons_of_all), "warnings": warnings}

    def _missing(self, dataset: Dataset, values: Values) -> list[str]:
        return [no_such(column, parent) for column, parent in dataset.parents.items() if values[column] not in self.tables[parent]]

    def _merge(self, name: str, accepted: list[Row], counts: Counter[str]) -> None:
        dataset, table = DATASETS[name], self.tables[name]
        by_key: dict[int, list[Row]] = {}
        for row in accepted:
            by_key.setdefault(row.values[dataset.key], []).append(row)
            counts.update(f"warned {rule}" for rule in row.warned)
        for key, rows in by_key.items():
            best = max(rows, key=lambda row: (*age(dataset, row), *content(dataset, row)))
            counts["duplicates"] += len(rows) - 1
            present = table.get(key)
            if present is not None and present.values == best.values:
                counts["unchanged"] += 1
            elif present is not None and age(dataset, best) < age(dataset, present):
                counts["stale"] += 1
            else:
                counts["inserted" if present is None else "updated"] += 1
                table[key] = replace(best, warned=())


def no_such(column: str, parent: str) -> str:
    return f"{column}: no such {parent}.{DATASETS[parent].key}"


def age(dataset: Dataset, row: Row) -> tuple[Any, ...]:
    version = (row.values[dataset.version],) if dataset.version else ()
    return (*version, row.minutes, row.file)


def content(dataset: Dataset, row: Row) -> list[tuple[bool, Any]]:
    """Missing values come before all others."""
    return [(row.values[column] is not None, row.values[column]) for column in dataset.forms if column not in (dataset.key, dataset.version)]
