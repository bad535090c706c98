"""The second half of the plan: what becomes of each judged row, next to the other rows and to what the tables hold? One SQL text per contract.

Of the accepted rows of one key the greatest by (version, source_modified_at, source_file, content) stays; the others are duplicates. It is compared with the
table's row: none there: insert; equal values: unchanged; smaller by (version, source_modified_at, source_file): stale; else update. Rejected rows
take no part, so that a spoiled row never beats a good one.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.plan.judge import SEPARATOR

VERDICTS = ("insert", "update", "unchanged", "duplicate", "stale", "rejected")
PLACE = "`partition in table`"
"""A name that no column can have."""


def repeated_sql(contract: Contract, judged: str = "judged") -> str:
    """Reads `judged` (or a relation of those of its rows that may be repeated) and `missing_<column>` as `decide_sql` does. Gives the keys that more than
    one accepted row has; mostly there are few or none."""
    key = f"j.`{contract.key}`"
    return f"SELECT {key} FROM {judged} j{_missing_joins(contract)} WHERE {_reasons(contract)} IS NULL GROUP BY {key} HAVING count(*) > 1"


def beaten_sql(contract: Contract) -> str:
    """Reads `judged` and `missing_<column>` as `decide_sql` does, and `repeated`, the result of `repeated_sql`. Gives the row_ids of the duplicates: accepted
    rows whose key a better row has."""
    key = f"`{contract.key}`"
    return f"""WITH ranked AS (
  SELECT j.row_id, row_number() OVER (PARTITION BY j.{key} ORDER BY {_total_order(contract)}) AS place
  FROM judged j JOIN repeated r ON r.{key} = j.{key}{_missing_joins(contract)}
  WHERE {_reasons(contract)} IS NULL
)
SELECT row_id FROM ranked WHERE place > 1"""


def decide_sql(contract: Contract, *carried: str, placed: bool = False) -> str:
    """Reads `judged` (row_id, the typed columns, broken, source_file, source_modified_at), `current` (the table's rows of the same keys, with their
    provenance), for each parent `missing_<column>` (`parent_key`: the keys that the batch refers to and that do not exist), and `beaten`, the result of
    `beaten_sql`.

    Gives row_id, the `carried` columns of `judged`, `reasons` (why it is rejected: broken rules, else missing parents), `verdict`, and if
    `placed` the partition that the table's row is in (`PLACE`).
    """
    key = f"`{contract.key}`"
    place = f",\n  t.`{contract.partition}` AS {PLACE}" if placed and contract.partition else ""
    same = " AND ".join(f"t.`{name}` IS NOT DISTINCT FROM j.`{name}`" for name in contract.names)
    return f"""WITH parented AS (
  SELECT j.*, {_reasons(contract)} AS reasons
  FROM judged j{_missing_joins(contract)}
)
SELECT {", ".join(f"j.`{name}`" for name in ("row_id", *carried, "reasons"))},
  CASE WHEN j.reasons IS NOT NULL THEN 'rejected'
       WHEN b.row_id IS NOT NULL THEN 'duplicate'
       WHEN t.{key} IS NULL THEN 'insert'
       WHEN {same} THEN 'unchanged'
       WHEN {_older(contract)} THEN 'stale'
       ELSE 'update' END AS verdict{place}
FROM parented j
LEFT JOIN beaten b ON b.row_id = j.row_id
LEFT JOIN current t ON t.{key} = j.{key} AND j.reasons IS NULL"""


def missing_sql(column: str, existing: str) -> str:
    """The keys of a parent that `judged` refers to and that are not among the `parent_key`s of `existing`."""
    return f"SELECT DISTINCT j.`{column}` AS parent_key FROM judged j LEFT ANTI JOIN {existing} e ON e.parent_key = j.`{column}` WHERE j.`{column}` IS NOT NULL"


def missing_relation(column: str) -> str:
    return f"missing_{column}"


def _reasons(contract: Contract) -> str:
    return f"coalesce(j.broken, {_orphan(contract)})"


def _orphan(contract: Contract) -> str:
    if not contract.parents:
        return "CAST(NULL AS STRING)"
    missing = [f"CASE WHEN {missing_relation(p.column)}.parent_key IS NOT NULL THEN '{p.reason}' END" for p in contract.parents]
    return f"nullif(concat_ws('{SEPARATOR}', {', '.join(missing)}), '')"


def _missing_joins(contract: Contract) -> str:
    return "".join(f"\n  LEFT JOIN {missing_relation(p.column)} ON {missing_relation(p.column)}.parent_key = j.`{p.column}`" for p in contract.parents)


def _total_order(contract: Contract) -> str:
    first = [contract.version] if contract.version else []
    content = [name for name in contract.names if name not in (contract.key, contract.version)]
    return ", ".join(f"j.`{name}` DESC NULLS LAST" for name in (*first, "source_modified_at", "source_file", *content))


def _older(contract: Contract) -> str:
    """Whether the row comes before the table's by (version, source_modified_at, source_file); a full tie goes to the row that arrived later."""
    first = [contract.version] if contract.version else []
    *higher, last = (*first, "source_modified_at", "source_file")
    text = f"j.`{last}` < t.`{last}`"
    for name in reversed(higher):
        text = f"j.`{name}` < t.`{name}` OR (j.`{name}` = t.`{name}` AND ({text}))"
    return f"({text})"
