"""The second half of the plan: gives each validated row its verdict, which depends on the other rows of the batch and
on the tables. One SQL text per contract.

Among the accepted rows of one key, the greatest by (version, source_modified_at, place in the file) wins; the others
are duplicates. The winner is compared with the table's row. No such row: insert. Equal values: unchanged, or refresh if
the winner's file is newer. Smaller by (version, source_modified_at): stale. Otherwise: update. Rejected rows take no
part, so a bad row never beats a good one.

If a row's file lacks a column, the row is silent about it. `silent` names such columns. `judged` then has a flag for
each of them (`silence`), and the row takes the last value before it: from another row of its key in this batch,
otherwise from the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.plan.judge import SEPARATOR
from lakehouse_assets.etl.plan.keys import columns_of, missing_relation, refers_to_missing, same_key

WRITTEN = ("insert", "update", "refresh")
"""The verdicts whose rows are written. A refresh writes equal values and the provenance of the newer file."""
PLACE = "`partition in table`"
"""A name that no column can have."""


def silence(column: str) -> str:
    """The name of the flag in `judged` that is TRUE if the row's file lacks the column. No column can have this
    name.
    """
    return f"{column} is silent"


def repeated_sql(contract: Contract, judged: str = "judged") -> str:
    """Reads `judged` (or a relation with those of its rows that may be repeated) and the missing parents, as
    `decide_sql` does. Returns the keys that more than one accepted row has; usually few or none.
    """
    key = columns_of("j", contract.keys)
    return (
        f"SELECT {key} FROM {judged} j{_missing_joins(contract)} WHERE {_reasons(contract)} IS NULL GROUP BY {key}"
        " HAVING count(*) > 1"
    )


def beaten_sql(contract: Contract, silent: Sequence[str] = ()) -> str:
    """Reads `judged` and the missing parents as `decide_sql` does, and `repeated`, the result of `repeated_sql`. Returns
    the row_ids of the duplicates: accepted rows whose key a better row has. `differs`: the row's values differ from the
    better one's, and no version column tells which is right.
    """
    compared = [*(name for name in contract.names if name not in contract.keys), *map(silence, silent)]
    seen = [f"j.`{name}`, first_value(j.`{name}`) OVER by_key AS `best {name}`" for name in compared]
    return f"""WITH ranked AS (
  SELECT {", ".join(["j.row_id", *seen])}, row_number() OVER by_key AS `rank of row`
  FROM judged j JOIN repeated r ON {same_key("r", "j", contract.keys)}{_missing_joins(contract)}
  WHERE {_reasons(contract)} IS NULL
  WINDOW by_key AS (PARTITION BY {columns_of("j", contract.keys)} ORDER BY {_latest_first(contract)})
)
SELECT row_id, {_differs(contract, silent)} AS differs FROM ranked WHERE `rank of row` > 1"""


def filled_sql(contract: Contract, silent: Sequence[str]) -> str:
    """Reads what `decide_sql` reads, and `repeated`. Returns, for each repeated key, the last value of each silent
    column in the rows of this batch, and whether there is one (`said <column>`). Rows count in the order in which they
    arrived, unless they are older than the table's row or than a row before them.
    """
    key, judged_key = columns_of("", contract.keys), columns_of("j", contract.keys)
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
  SELECT j.*, row_number() OVER (PARTITION BY {judged_key} ORDER BY {_in_order_of_arrival()}) AS `order of arrival`, {newest} AS `newest before`
  FROM judged j JOIN repeated r ON {same_key("r", "j", contract.keys)}
  LEFT JOIN current t ON {same_key("t", "j", contract.keys)}{_missing_joins(contract)}
  WHERE {_reasons(contract)} IS NULL AND NOT coalesce({_older(contract)}, FALSE)
  WINDOW before AS (PARTITION BY {judged_key} ORDER BY {_in_order_of_arrival()} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),
heard AS (
  SELECT *, {", ".join(said)} FROM arrived WHERE {not_older}
)
SELECT {key}, {", ".join(taken)} FROM heard GROUP BY {key}"""


def decide_sql(contract: Contract, *carried: str, placed: bool = False, silent: Sequence[str] = ()) -> str:
    """Reads `judged` (row_id, the typed columns, broken, source_file, source_modified_at, place), `current` (the
    table's rows of the same keys, with their provenance), for each parent its `missing_relation` (the keys that the
    batch refers to and that do not exist), and `beaten`, the result of `beaten_sql`. With `silent` columns, it
    also reads their flags in `judged`, and `filled`, the result of `filled_sql`.

    Returns row_id, the `carried` columns of `judged` (a silent one with the value that it takes), `reasons` (why the
    row is rejected: broken rules, otherwise missing parents), `verdict`, and if `placed` the partition of the table's
    row (`PLACE`).
    """
    place = f",\n  t.`{contract.partition}` AS {PLACE}" if placed and contract.partition else ""
    values = {name: f"j.`{name}`" for name in contract.names} | {name: _heard(name) for name in silent}
    same = " AND ".join(f"t.`{name}` IS NOT DISTINCT FROM {values[name]}" for name in contract.names)
    given = [
        f"{values[name]} AS `{name}`" if name in silent else f"j.`{name}`" for name in ("row_id", *carried, "reasons")
    ]
    filled = f"\nLEFT JOIN filled f ON {same_key('f', 'j', contract.keys)} AND j.reasons IS NULL" if silent else ""
    return f"""WITH parented AS (
  SELECT j.*, {_reasons(contract)} AS reasons
  FROM judged j{_missing_joins(contract)}
)
SELECT {", ".join(given)},
  CASE WHEN j.reasons IS NOT NULL THEN 'rejected'
       WHEN b.row_id IS NOT NULL THEN 'duplicate'
       WHEN t.`{contract.keys[0]}` IS NULL THEN 'insert'
       WHEN {same} THEN CASE WHEN j.source_modified_at > t.source_modified_at THEN 'refresh' ELSE 'unchanged' END
       WHEN {_older(contract)} THEN 'stale'
       ELSE 'update' END AS verdict{place}
FROM parented j
LEFT JOIN beaten b ON b.row_id = j.row_id
LEFT JOIN current t ON {same_key("t", "j", contract.keys)} AND j.reasons IS NULL{filled}"""


def _reasons(contract: Contract) -> str:
    return f"coalesce(j.broken, {_orphan(contract)})"


def _orphan(contract: Contract) -> str:
    if not contract.parents:
        return "CAST(NULL AS STRING)"
    missing = [
        f"CASE WHEN {missing_relation(parent)}.parent_key IS NOT NULL THEN '{parent.reason}' END"
        for parent in contract.parents
    ]
    return f"nullif(concat_ws('{SEPARATOR}', {', '.join(missing)}), '')"


def _missing_joins(contract: Contract) -> str:
    return "".join(
        f"\n  LEFT JOIN {missing_relation(parent)} ON {refers_to_missing(parent)}" for parent in contract.parents
    )


def _latest_first(contract: Contract) -> str:
    """No two files of a dataset have the same time (`landing.order`), so the place in the file decides between rows of
    equal time.
    """
    first = [contract.version] if contract.version else []
    return ", ".join(f"j.`{name}` DESC NULLS LAST" for name in (*first, "source_modified_at", "place", "row_id"))


def _in_order_of_arrival() -> str:
    return ", ".join(f"j.`{name}`" for name in ("source_modified_at", "place", "row_id"))


def _older(contract: Contract) -> str:
    """The predicate that the row comes before the table's by (version, source_modified_at). If both are equal, the row
    that arrived later wins.
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

    others = " OR ".join(differs(name) for name in contract.names if name not in contract.keys) or "FALSE"
    version = f" AND NOT {differs(contract.version)}" if contract.version else ""
    return f"({others}){version}"


def _heard(column: str) -> str:
    return (
        f"CASE WHEN NOT j.`{silence(column)}` THEN j.`{column}` WHEN f.`said {column}` THEN f.`{column}` ELSE"
        f" t.`{column}` END"
    )
