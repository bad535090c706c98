"""What both engines hold of a Delta table: its properties, its transactions' version, and what must be so before a row
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
"""Each batch leaves a transaction id in the log. A batch is replayed while it is open, so 90 days are ample, and the
log does not grow for ever.

Spark writes no partition value into a file's path: of `shop=São Paulo` it leaves the ã as it is, and delta-rs (1.6.6),
which encodes it, then removes a file that is not there, so that the old rows stay beside the new ones.
"""
SAME_RECORD = "t.record_id = s.record_id"
SAME_OPEN_RECORD = f"{SAME_RECORD} AND t.healed_by IS NULL AND t.resolved_by IS NULL"
SETTLED = {name: f"s.{name}" for name in ("healed_by", "waiting", "resolved_by", "resolution")} | {
    "reasons": "CASE WHEN s.resolved_by IS NULL THEN s.reasons ELSE t.reasons END"
}
"""How a record that was tried again, or that was resolved (s), is marked among the rejects (t). One that is resolved
keeps the reasons it once had.
"""
STILL_SO = "s.said_at IS NULL OR s.said_at >= t.source_modified_at"
"""A record that this batch's own file wrote, but not one that a newer file has said since."""
SAID_AGAIN = "s.source_modified_at >= t.source_modified_at"
"""A record of content that came before becomes that of the file that said it last."""


def transaction_of(dataset: str, batch_id: str) -> str:
    """The id of the commit with a batch's rows."""
    return f"{dataset}:{batch_id}"


def of_rejects(transaction: str, revision: int) -> str:
    """The id of the commit with a batch's rejects, by the rules of this revision."""
    return f"rejects:{transaction}:{revision}" if revision else f"rejects:{transaction}"


def of_settled(transaction: str) -> str:
    """The id of the commit that marks the records which a batch settled."""
    return f"orphans:{transaction}"


def another_writer(what: str) -> TemporaryOutage:
    """A commit was refused, because another one came after the table was opened: rows that were judged by the table as
    it was may be there meanwhile.
    """
    return TemporaryOutage(
        f"{what}: another writer committed after this had begun. Nothing was written over it. Run the same again."
    )


def new_columns(uri: str, present: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The columns that a table does not have yet: they are added, and its rows have no value there.

    Raises BadConfiguration where a table has a column, by name and type, that is not among those wanted, and for a
    table that no load of ours made: it lacks columns that say where a row came from.
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
    """Raises BadConfiguration where a reader of the table may not know what it uses. Athena reads more by now; version
    1 is what every reader knows.
    """
    if version != 1:
        raise BadConfiguration(
            f"The table {uri} needs Delta reader version {version}; this project keeps its tables at version 1, which"
            " every reader knows. Some writer switched on deletion vectors or column mapping: rewrite the table"
            " without them."
        )
