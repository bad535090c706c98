"""The second half of the plan: what becomes of each judged row, next to the other rows and to what the tables hold? One
SQL text per contract.

Of the accepted rows of one key the greatest by (version, source_modified_at, place in the file) stays; the others are
duplicates. It is compared with the table's row: none there: insert; equal values: unchanged, or refresh where its file
is newer; smaller by (version, source_modified_at): stale; else update. Rejected rows take no part, so that a spoiled
row never beats a good one.

A column that a row's file does not have says nothing. `silent` names such columns: `judged` then has a flag for each
(`silence`), and the row takes the value that was said last before it: by another row of its key in this batch, else by
the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.plan.judge import SEPARATOR

WRITTEN = ("insert", "update", "refresh")
"""The verdicts whose rows are written. A refresh writes equal values, and which file said them last."""
PLACE = "`partition in table`"
"""A name that no column can have."""


def silence(column: str) -> str:
    """The flag of `judged` that says that the row's file does not have the column. A name that no column can have."""
    return f"{column} is silent"


def repeated_sql(contract: Contract, judged: str = "judged") -> str:
    """Reads `judged` (or a relation of those of its rows that may be repeated) and `missing_<column>` as `decide_sql`
    does. Gives the keys that more than one accepted row has; mostly there are few or none."""
    key = f"j.`{contract.key}`"
    return (
        f"SELECT {key} FROM {judged} j{_missing_joins(contract)} WHERE {_reasons(contract)} IS NULL GROUP BY {key}"
        " HAVING count(*) > 1"
    )


def beaten_sql(contract: Contract, silent: Sequence[str] = ()) -> str:
    """Reads `judged` and `missing_<column>` as `decide_sql` does, and `repeated`, the result of `repeated_sql`. Gives
    the row_ids of the duplicates: accepted rows whose key a better row has. `differs`: such a row says something else
    than the better one, and no version column tells which is right."""
    key = f"`{contract.key}`"
    compared = [*(name for name in contract.names if name != contract.key), *map(silence, silent)]
    seen = [f"j.`{name}`, first_value(j.`{name}`) OVER by_key AS `best {name}`" for name in compared]
    return f"""WITH ranked AS (
  SELECT {", ".join(["j.row_id", *seen])}, row_number() OVER by_key AS `rank of row`
  FROM judged j JOIN repeated r ON r.{key} = j.{key}{_missing_joins(contract)}
  WHERE {_reasons(contract)} IS NULL
  WINDOW by_key AS (PARTITION BY j.{key} ORDER BY {_latest_first(contract)})
)
SELECT row_id, {_differs(contract, silent)} AS differs FROM ranked WHERE `rank of row` > 1"""


def filled_sql(contract: Contract, silent: Sequence[str]) -> str:
    """Reads what `decide_sql` reads, and `repeated`. Gives, for each repeated key, what the rows of this batch say last
    of each silent column, and whether any says it (`said <column>`). Rows count in the order in which they arrived, if
    they are not older than what the table, or a row before them, says."""
    key = f"`{contract.key}`"
    newest = f"max(j.`{contract.version}`) OVER before" if contract.version else "NULL"
    not_older = f"coalesce(`{contract.version}` >= `newest before`, TRUE)" if contract.version else "TRUE"
    said = [
        f"max(CASE WHEN NOT `{silence(name)}` THEN `order of arrival` END) OVER (PARTITION BY {key}) AS `last {name}`"
        for name in silent
    ]
    taken = [
        f"max(CASE WHEN `order of arrival` = `last {name}` THEN `{name}` END) AS `{name}`, max(`last {name}`) IS NOT"
        f" NULL AS `said {name}`"
        for name in silent
    ]
    return f"""WITH arrived AS (
  SELECT j.*, row_number() OVER (PARTITION BY j.{key} ORDER BY {_in_order_of_arrival()}) AS `order of arrival`, {newest} AS `newest before`
  FROM judged j JOIN repeated r ON r.{key} = j.{key}
  LEFT JOIN current t ON t.{key} = j.{key}{_missing_joins(contract)}
  WHERE {_reasons(contract)} IS NULL AND NOT coalesce({_older(contract)}, FALSE)
  WINDOW before AS (PARTITION BY j.{key} ORDER BY {_in_order_of_arrival()} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
heard AS (
  SELECT *, {", ".join(said)} FROM arrived WHERE {not_older}
)
SELECT {key}, {", ".join(taken)} FROM heard GROUP BY {key}"""


def decide_sql(contract: Contract, *carried: str, placed: bool = False, silent: Sequence[str] = ()) -> str:
    """Reads `judged` (row_id, the typed columns, broken, source_file, source_modified_at, place), `current` (the
    table's rows of the same keys, with their provenance), for each parent `missing_<column>` (`parent_key`: the keys
    that the batch refers to and that do not exist), and `beaten`, the result of `beaten_sql`. With `silent` columns
    also their flags in `judged`, and `filled`, the result of `filled_sql`.

    Gives row_id, the `carried` columns of `judged` (a silent one with the value that it takes), `reasons` (why it is
    rejected: broken rules, else missing parents), `verdict`, and if `placed` the partition that the table's row is in
    (`PLACE`).
    """
    key = f"`{contract.key}`"
    place = f",\n  t.`{contract.partition}` AS {PLACE}" if placed and contract.partition else ""
    values = {name: f"j.`{name}`" for name in contract.names} | {name: _heard(name) for name in silent}
    same = " AND ".join(f"t.`{name}` IS NOT DISTINCT FROM {values[name]}" for name in contract.names)
    given = [
        f"{values[name]} AS `{name}`" if name in silent else f"j.`{name}`" for name in ("row_id", *carried, "reasons")
    ]
    filled = f"\nLEFT JOIN filled f ON f.{key} = j.{key} AND j.reasons IS NULL" if silent else ""
    return f"""WITH parented AS (
  SELECT j.*, {_reasons(contract)} AS reasons
  FROM judged j{_missing_joins(contract)}
)
SELECT {", ".join(given)},
  CASE WHEN j.reasons IS NOT NULL THEN 'rejected'
       WHEN b.row_id IS NOT NULL THEN 'duplicate'
       WHEN t.{key} IS NULL THEN 'insert'
       WHEN {same} THEN CASE WHEN j.source_modified_at > t.source_modified_at THEN 'refresh' ELSE 'unchanged' END
       WHEN {_older(contract)} THEN 'stale'
       ELSE 'update' END AS verdict{place}
FROM parented j
LEFT JOIN beaten b ON b.row_id = j.row_id
LEFT JOIN current t ON t.{key} = j.{key} AND j.reasons IS NULL{filled}"""


def missing_sql(column: str, existing: str) -> str:
    """The keys of a parent that `judged` refers to and that are not among the `parent_key`s of `existing`."""
    return (
        f"SELECT DISTINCT j.`{column}` AS parent_key FROM judged j LEFT ANTI JOIN {existing} e ON e.parent_key ="
        f" j.`{column}` WHERE j.`{column}` IS NOT NULL"
    )


def missing_relation(column: str) -> str:
    return f"missing_{column}"


def _reasons(contract: Contract) -> str:
    return f"coalesce(j.broken, {_orphan(contract)})"


def _orphan(contract: Contract) -> str:
    if not contract.parents:
        return "CAST(NULL AS STRING)"
    missing = [
        f"CASE WHEN {missing_relation(p.column)}.parent_key IS NOT NULL THEN '{p.reason}' END" for p in contract.parents
    ]
    return f"nullif(concat_ws('{SEPARATOR}', {', '.join(missing)}), '')"


def _missing_joins(contract: Contract) -> str:
    return "".join(
        f"\n  LEFT JOIN {missing_relation(p.column)} ON {missing_relation(p.column)}.parent_key = j.`{p.column}`"
        for p in contract.parents
    )


def _latest_first(contract: Contract) -> str:
    """A file's time is its own in a dataset (`landing.order`), so that the place in the file settles what the time does
    not.
    """
    first = [contract.version] if contract.version else []
    return ", ".join(f"j.`{name}` DESC NULLS LAST" for name in (*first, "source_modified_at", "place", "row_id"))


def _in_order_of_arrival() -> str:
    return ", ".join(f"j.`{name}`" for name in ("source_modified_at", "place", "row_id"))


def _older(contract: Contract) -> str:
    """Whether the row comes before the table's by (version, source_modified_at); a full tie goes to the row that
    arrived later.
    """
    text = "j.`source_modified_at` < t.`source_modified_at`"
    if contract.version:
        text = (
            f"j.`{contract.version}` < t.`{contract.version}` OR (j.`{contract.version}` = t.`{contract.version}` AND"
            f" ({text}))"
        )
    return f"({text})"


def _differs(contract: Contract, silent: Sequence[str]) -> str:
    def differs(name: str) -> str:
        heard = f" AND NOT `{silence(name)}` AND NOT `best {silence(name)}`" if name in silent else ""
        return f"(`{name}` IS DISTINCT FROM `best {name}`{heard})"

    others = " OR ".join(differs(name) for name in contract.names if name != contract.key) or "FALSE"
    version = f" AND NOT {differs(contract.version)}" if contract.version else ""
    return f"({others}){version}"


def _heard(column: str) -> str:
    return (
        f"CASE WHEN NOT j.`{silence(column)}` THEN j.`{column}` WHEN f.`said {column}` THEN f.`{column}` ELSE"
        f" t.`{column}` END"
    )
