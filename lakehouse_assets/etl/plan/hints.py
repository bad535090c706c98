"""Explains a reason to the person who fixes the file. A reason itself stays short, because reasons are counted by their
text.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Contract, Kind
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.types import FORMS

NO_VALUE = "Leave the cell empty for a missing value; do not write a word such as NULL or NA."


def hint(reason: str, contract: Contract) -> str | None:
    """Returns one or two sentences on a reason of a rejected record: the form that is expected, or what its rule says.

    Returns None if the reason explains itself, and for a rule that the contract no longer has.
    """
    for column in contract.columns:
        if reason == f"{column.name}: required":
            return f"{column.name} needs a value in each row; an empty cell, or one with only spaces, has none."
        if reason == f"{column.name}: not {column.kind}":
            wanted = f"{column.name} is written as {FORMS[column.kind]}."
            return wanted if column.kind is Kind.STRING or column.required else f"{wanted} {NO_VALUE}"
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
