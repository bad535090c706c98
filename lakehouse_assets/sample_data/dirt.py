"""The errors in the sample data: small named changes to a valid row. The contract decides which column is changed; no
dataset and no column is named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from datetime import date, datetime, timedelta

from lakehouse_assets.contracts import Column, Contract, Kind, Severity
from lakehouse_assets.contracts.model import NUMBERS, WHOLE_NUMBERS
from lakehouse_assets.sample_data.rows import Row

FRACTIONS, TIMES = NUMBERS - WHOLE_NUMBERS, {Kind.TIMESTAMP, Kind.DATE}
Dirt = Callable[[Contract, Row], Row | None]
"""Returns a row with an error; None if the contract has no column for this error."""


def blank_key(contract: Contract, row: Row) -> Row | None:
    """Of a key of several columns only one is blank, which is enough for the row to be rejected."""
    return row | {contract.keys[-1]: ""}


def text_in_a_number(contract: Contract, row: Row) -> Row | None:
    return _spoiled(row, _first(contract, NUMBERS), "twelve")


def exponent_in_a_whole_number(contract: Contract, row: Row) -> Row | None:
    return _spoiled(row, _first(contract, WHOLE_NUMBERS), "1e3")


def too_great_a_number(contract: Contract, row: Row) -> Row | None:
    return _spoiled(row, _first(contract, {Kind.SMALLINT, Kind.INT}), "99999999999")


def below_the_minimum(contract: Contract, row: Row) -> Row | None:
    bounded = [
        c
        for c in _values(contract, NUMBERS)
        if any(rule.name.startswith(f"{c.name}: minimum") for rule in contract.rules)
    ]
    column = next((c for c in bounded if c.kind in FRACTIONS), bounded[-1] if bounded else None)
    return _spoiled(row, column, "-19.99" if column and column.kind in FRACTIONS else "-1")


def no_date(contract: Contract, row: Row) -> Row | None:
    return _spoiled(row, _first(contract, TIMES), "not-a-date")


def no_day_of_the_calendar(contract: Contract, row: Row) -> Row | None:
    column = _first(contract, TIMES)
    return _spoiled(row, column, "2025-02-30" if column and column.kind is Kind.DATE else "2025-02-30T10:00:00")


def no_value(contract: Contract, row: Row) -> Row | None:
    return _spoiled(
        row,
        next(
            (c for c in contract.columns if c.required and c.kind is Kind.STRING and c.name not in contract.keys), None
        ),
        "   ",
    )


REJECTED: tuple[Dirt, ...] = (
    blank_key,
    text_in_a_number,
    exponent_in_a_whole_number,
    too_great_a_number,
    below_the_minimum,
    no_date,
    no_day_of_the_calendar,
    no_value,
)
"""Errors for which a row is rejected."""


def moved_to_another_partition(contract: Contract, row: Row, partitions: list[str]) -> Row | None:
    """A row that breaks only a warning: a rule about the partition column (such as: the date is the day of the
    timestamp). None if the contract has no such rule.
    """
    compared = any(
        rule.severity is Severity.WARN and contract.partition and f"`{contract.partition}`" in rule.predicate
        for rule in contract.rules
    )
    others = [value for value in partitions if contract.partition and value and value != row[contract.partition]]
    return row | {contract.partition: others[0]} if compared and contract.partition and others else None


def corrected(contract: Contract, row: Row, steps: int = 1) -> Row | None:
    """The row with another value and a version that is `steps` greater (negative: smaller). None if the contract has no
    version column, or no value to change.
    """
    free = [
        c
        for c in _values(contract, NUMBERS)
        if not any(rule.name == f"{c.name}: not an allowed value" for rule in contract.rules)
    ]
    column = next((c for c in free if c.kind in FRACTIONS), free[-1] if free else None)
    if contract.version is None or column is None or not row[column.name]:
        return None
    more = float(row[column.name]) + 1
    value = str(
        round(more, min(2, column.digits[1] if column.digits else 2)) if column.kind in FRACTIONS else int(more)
    )
    return row | {
        column.name: value,
        contract.version: _moved(contract.column(contract.version).kind, row[contract.version], steps),
    }


def _moved(kind: Kind, text: str, steps: int) -> str:
    if kind is Kind.TIMESTAMP:
        return (datetime.fromisoformat(text) + timedelta(seconds=steps)).isoformat()
    if kind is Kind.DATE:
        return (date.fromisoformat(text) + timedelta(days=steps)).isoformat()
    return str(int(text) + steps)


def _values(contract: Contract, kinds: Set[Kind]) -> Iterator[Column]:
    """The columns of these kinds that are not the key, the partition, the version or a parent's key."""
    of_parents = (column for parent in contract.parents for column in parent.columns)
    apart = {*contract.keys, contract.partition, contract.version, *of_parents}
    return (column for column in contract.columns if column.kind in kinds and column.name not in apart)


def _first(contract: Contract, kinds: Set[Kind]) -> Column | None:
    """The first column of these kinds to put an error in: a value if there is one, else the version or partition."""
    values = next(_values(contract, kinds), None)
    return values or next(
        (c for c in contract.columns if c.kind in kinds and c.name in (contract.version, contract.partition)), None
    )


def _spoiled(row: Row, column: Column | None, text: str) -> Row | None:
    return row | {column.name: text} if column else None
