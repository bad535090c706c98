"""What both engines share about a Delta table: its properties, the ids of its transactions, and the checks before a row
is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakehouse_assets.contracts import PROVENANCE
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage

TRANSACTION_VERSION = 1
NEUTRAL_PATHS = "delta.randomizeFilePrefixes"
PROPERTIES = {"delta.setTransactionRetentionDuration": "interval 90 days", NEUTRAL_PATHS: "true"}
"""Each batch leaves a transaction id in the log. Only an open batch is replayed, so 90 days are ample, and the log does
not grow forever.

The second property keeps partition values out of the paths of Spark's files. In the path of `shop=São Paulo` Spark does
not encode the ã, but delta-rs (1.6.6) does: it would remove a file that does not exist, and the old rows would stay
beside the new ones.
"""
SAME_RECORD = "t.record_id = s.record_id"
SAME_OPEN_RECORD = f"{SAME_RECORD} AND t.healed_by IS NULL AND t.resolved_by IS NULL"
SETTLED = {name: f"s.{name}" for name in ("healed_by", "waiting", "resolved_by", "resolution")} | {
    "reasons": "CASE WHEN s.resolved_by IS NULL THEN s.reasons ELSE t.reasons END"
}
"""The columns of a rejected record (t) that are updated if it was retried or resolved (s). A resolved record keeps the
reasons that it had.
"""
STILL_SO = "s.said_at IS NULL OR s.said_at >= t.source_modified_at"
"""Of the records that this batch's own files wrote, only those that no newer file has written again since."""
SAID_AGAIN = "s.source_modified_at >= t.source_modified_at"
"""A record whose content was loaded before is assigned to the newest file that contains it."""


def transaction_of(dataset: str, batch_id: str) -> str:
    """Returns the transaction id of the commit with a batch's rows."""
    return f"{dataset}:{batch_id}"


def of_rejects(transaction: str, revision: int) -> str:
    """Returns the transaction id of the commit with a batch's rejected records, under this revision of the rules."""
    return f"rejects:{transaction}:{revision}" if revision else f"rejects:{transaction}"


def of_settled(transaction: str) -> str:
    """Returns the transaction id of the commit that marks the records which a batch retried or resolved."""
    return f"orphans:{transaction}"


def another_writer(what: str) -> TemporaryOutage:
    """Returns the error for a commit that was refused because another one came after the table was opened: the rows
    were compared with a table that has changed since.
    """
    return TemporaryOutage(
        f"{what}: another writer committed to the table in the meantime. Nothing was overwritten. Run the same command"
        " again."
    )


def new_columns(uri: str, present: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Returns the columns that a table lacks. They can be added to it; its existing rows have no value there.

    Raises BadConfiguration if the table has a column, by name and type, that is not among those wanted. Also raises it
    if the table was not made by a load of this project: then it lacks the columns that say where a row came from.
    """
    foreign = PROVENANCE.keys() - present.keys()
    differing = sorted(
        name
        for name in present.keys() | wanted.keys()
        if present.get(name) != wanted.get(name) and (name in present or foreign)
    )
    if differing:
        raise BadConfiguration(
            f"The table {uri} differs from its contract in: {', '.join(differing)}. Migrate the table, or restore these"
            " columns in the contract."
        )
    return [name for name in wanted if name not in present]


def check_reader_version(uri: str, version: int) -> None:
    """Raises BadConfiguration if the table needs a Delta reader of more than version 1, the only version that every
    reader supports. (Athena supports more by now.)
    """
    if version != 1:
        raise BadConfiguration(
            f"The table {uri} needs Delta reader version {version}; this project keeps its tables at version 1, which"
            " every reader supports. Another program enabled deletion vectors or column mapping: rewrite the table"
            " without them."
        )
