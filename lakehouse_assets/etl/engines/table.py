"""What both engines hold of a Delta table: its properties, its transactions' version, and what must be so before a row is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakehouse_assets.errors import BadConfiguration

TRANSACTION_VERSION = 1
PROPERTIES = {"delta.setTransactionRetentionDuration": "interval 90 days"}
"""Each batch leaves a transaction id in the log. A batch is replayed while it is open, so 90 days are ample, and the log does not grow for ever."""
SAME_ORPHAN = "t.record_id = s.record_id AND t.waiting = true"
SETTLED = {"healed_by": "s.healed_by", "waiting": "s.waiting", "reasons": "CASE WHEN s.healed_by IS NULL THEN s.reasons ELSE t.reasons END"}
"""How an orphan that was tried again (s) is marked among the rejects (t): healed, and then with the reasons it once had, or not."""


def of_rejects(transaction: str, revision: int) -> str:
    """The id of the commit with a batch's rejects, by the rules of this revision."""
    return f"rejects:{transaction}:{revision}" if revision else f"rejects:{transaction}"


def check_columns(uri: str, present: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises BadConfiguration where the columns of a table, by name and type, are not the contract's."""
    if present != wanted:
        differing = sorted(name for name in present.keys() | wanted.keys() if present.get(name) != wanted.get(name))
        raise BadConfiguration(
            f"The table {uri} differs from its contract in: {', '.join(differing)}. Migrate the table, or give the contract back its columns."
        )


def check_reader_version(uri: str, version: int) -> None:
    """Raises BadConfiguration where Athena could not read the table."""
    if version != 1:
        raise BadConfiguration(
            f"The table {uri} needs Delta reader version {version}; Athena reads version 1. "
            "Some writer switched on deletion vectors or column mapping: rewrite the table without them."
        )
