"""Keys and parents of one or several columns, in the plan's SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lakehouse_assets.contracts import Contract, Parent


def key_text(contract: Contract, raw: str) -> str:
    """Returns the SQL of a rejected record's `key`: the raw text of the key's columns, with ", " between them; NULL if
    the row lacks one. `raw`: the map of the row's texts. It is the same SQL in DuckDB, DataFusion and Spark.
    """
    return " || ', ' || ".join(f"{raw}['{name}']" for name in contract.keys)


def columns_of(alias: str, columns: Iterable[str]) -> str:
    """The columns of a relation, as a list. `alias`: empty for names without one."""
    return ", ".join(f"{alias}.`{name}`" if alias else f"`{name}`" for name in columns)


def same_key(left: str, right: str, columns: Iterable[str]) -> str:
    """The predicate that rows of two relations have the same key."""
    return " AND ".join(f"{left}.`{name}` = {right}.`{name}`" for name in columns)


def parent_keys(parent: Parent) -> Sequence[str]:
    """The columns of a relation of a parent's keys, one for each of the parent's columns in their order."""
    return ["parent_key", *(f"parent_key_{number}" for number in range(2, len(parent.columns) + 1))]


def parent_relation(what: str, parent: Parent) -> str:
    """The name of a relation about a parent. (The lengths keep `a_b, c` and `a, b_c` apart; a column's name does not
    begin with a digit.)
    """
    if len(parent.columns) == 1:
        return f"{what}_{parent.columns[0]}"
    return "_".join([what, *(f"{len(name)}_{name}" for name in parent.columns)])


def missing_relation(parent: Parent) -> str:
    """The name of the relation of the parent's keys that the batch refers to and that do not exist."""
    return parent_relation("missing", parent)


def missing_sql(parent: Parent, existing: str) -> str:
    """Returns the keys of a parent that `judged` refers to and that are not among the keys in `existing`."""
    pairs = list(zip(parent.columns, parent_keys(parent), strict=True))
    referred = ", ".join(f"j.`{column}` AS {key}" for column, key in pairs)
    same = " AND ".join(f"e.{key} = j.`{column}`" for column, key in pairs)
    present = " AND ".join(f"j.`{column}` IS NOT NULL" for column in parent.columns)
    return f"SELECT DISTINCT {referred} FROM judged j LEFT ANTI JOIN {existing} e ON {same} WHERE {present}"


def refers_to_missing(parent: Parent) -> str:
    """The predicate that a row of `judged` (j) and a row of `missing_relation` are of the same key."""
    missing = missing_relation(parent)
    return " AND ".join(
        f"{missing}.{key} = j.`{column}`" for column, key in zip(parent.columns, parent_keys(parent), strict=True)
    )
