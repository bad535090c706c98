"""What a reason asks for, in words for whoever mends the file. A reason itself stays short: reasons are counted by
their text.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Contract, Kind
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.types import FORMS

NO_VALUE = "A missing value is an empty cell, not a word for one such as NULL or NA."


def hint(reason: str, contract: Contract) -> str | None:
    """One or two sentences on a reason of a rejected record: the form that is wanted, or what its rule says.

    None where the reason says it all, and for a rule that the contract no longer has.
    """
    for column in contract.columns:
        if reason == f"{column.name}: required":
            return f"{column.name} needs a value in each row: an empty cell, or one of spaces, has none."
        if reason == f"{column.name}: not {column.kind}":
            wanted = f"{column.name} is written as {FORMS[column.kind]}."
            return wanted if column.kind is Kind.STRING or column.required else f"{wanted} {NO_VALUE}"
    for rule in (*contract.rules, *partition_rules(contract)):
        if reason == rule.name:
            return rule.description
    for parent in contract.parents:
        if reason == parent.reason:
            return (
                f"The row waits, and is loaded by itself once {parent.dataset} has the row that {parent.column} names."
            )
    return None
