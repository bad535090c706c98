"""Explains a reason to the person who fixes the file. A reason itself stays short, because reasons are counted by their
text.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Column, Contract, Kind
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.types import form_of

NO_VALUE = (
    "Leave the cell empty for a missing value. A contract may list words such as NULL or NA that mean the same:"
    " missingValues."
)


def hint(reason: str, contract: Contract) -> str | None:
    """Returns one or two sentences on a reason of a rejected record: the form that is expected, or what its rule says.

    Returns None if the reason explains itself, and for a rule that the contract no longer has.
    """
    for column in contract.columns:
        if reason == f"{column.name}: required" and column.derived:
            return f"{column.name} has no value in this row: it is calculated from {', '.join(column.sources)}."
        if reason == f"{column.name}: required":
            words = f", or {' or '.join(column.missing_values)}" if column.missing_values else ""
            return f"{column.name} needs a value in each row; an empty cell, or one with only spaces{words}, has none."
        if reason == f"{column.name}: not {column.type}":
            wanted = f"{column.name} is written as {form_of(column)}."
            if column.kind is Kind.STRING or column.required:
                return wanted
            return f"{wanted} {_missing(column)}"
    for rule in (*contract.rules, *partition_rules(contract)):
        if reason == rule.name:
            return rule.description
    for parent in contract.parents:
        if reason == parent.reason:
            return (
                f"The row waits. It is loaded automatically once {parent.dataset} has the row that"
                f" {parent.columns_in_words} refer{'s' * (len(parent.columns) == 1)} to."
            )
    return None


def _missing(column: Column) -> str:
    if not column.missing_values:
        return NO_VALUE
    return f"For a missing value, leave the cell empty or write {' or '.join(column.missing_values)}."
