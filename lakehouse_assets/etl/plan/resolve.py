"""Which rejected records a batch resolves: their row is in the table after all, or a newer row with their key is.

A record without a readable key stays open, because nothing tells which row would correct it.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.plan.keys import same_key
from lakehouse_assets.etl.plan.types import texts, texts_from, typed

HEALED, CORRECTED, REPLAYED = "healed", "corrected", "replayed"
"""How a rejected record was resolved: its missing parents arrived (healed); a newer row with its key was accepted
(corrected); the same row was accepted when it came again (replayed).
"""

ROW_IN_TABLE = ("insert", "update", "refresh", "unchanged")
"""The verdicts of a row that is in the table, with these values, once the batch is merged."""


def identifying(contract: Contract) -> list[str]:
    """The columns by which a later row of the same key is found and compared: the key's and the version."""
    return list(dict.fromkeys((*contract.keys, *filter(None, (contract.version,)))))


def open_records_sql(contract: Contract, *carried: str) -> str:
    """Reads `raw`, with the raw text of each open record's key and version (`identifying`). Returns the `carried`
    columns, and key and version as typed values.
    """
    columns = [contract.column(name) for name in identifying(contract)]
    read = ", ".join([*(f"raw.`{name}`" for name in carried), *(text for column in columns for text in texts(column))])
    values = ", ".join(
        [*(f"`{name}`" for name in carried), *(f"{typed(column)} AS `{column.name}`" for column in columns)]
    )
    return f"WITH as_read AS (SELECT {read} FROM raw) SELECT {values} FROM {texts_from(columns)}"


def corrected_sql(contract: Contract) -> str:
    """Reads `open_records` (record_id, source_modified_at, typed key and version) and `accepted` (the accepted rows of
    `judged`). Returns the record_ids whose key has a newer, accepted row.
    """
    return (
        "SELECT DISTINCT r.record_id FROM open_records r JOIN accepted a ON"
        f" {same_key('a', 'r', contract.keys)} WHERE {_newer(contract, 'a')}"
    )


def outdone_sql(contract: Contract) -> str:
    """Reads `refused` (the rejected rows of `judged`), `accepted` and `current`. Returns the row_ids of those rejected
    rows of this batch whose key has a newer row in the batch or in the table.
    """
    further_down = (
        "a.source_modified_at = r.source_modified_at AND (a.place > r.place OR (a.place = r.place AND a.row_id >"
        " r.row_id))"
    )
    in_batch = (
        f"SELECT r.row_id FROM refused r JOIN accepted a ON {same_key('a', 'r', contract.keys)} WHERE"
        f" {_newer(contract, 'a', further_down)}"
    )
    in_table = (
        f"SELECT r.row_id FROM refused r JOIN current t ON {same_key('t', 'r', contract.keys)} WHERE"
        f" {_newer(contract, 't')}"
    )
    return f"{in_batch} UNION {in_table}"


def _newer(contract: Contract, row: str, or_else: str = "FALSE") -> str:
    """The predicate that an accepted row comes after a rejected one (r): by version if both have one, otherwise by the
    time of arrival.
    """
    arrived = f"({row}.source_modified_at > r.source_modified_at OR ({or_else}))"
    if contract.version is None:
        return arrived
    ours, its = f"{row}.`{contract.version}`", f"r.`{contract.version}`"
    return f"(coalesce({ours} > {its}, FALSE) OR (coalesce({ours} = {its}, TRUE) AND {arrived}))"
