"""The first half of the plan: validates each raw row by itself. One SQL text per contract, which Spark runs as it
is.
"""

from __future__ import annotations

from lakehouse_assets.contracts import Column, Contract, Rule, Severity
from lakehouse_assets.etl.plan.partition import partition_rules
from lakehouse_assets.etl.plan.types import blank, text_of, texts, texts_from, typed
from lakehouse_assets.landing.routing import MALFORMED
from lakehouse_assets.quoting import spark_literal

SEPARATOR = "; "
"""Between the reasons of one row. A rule's name must not contain it."""


def judge_sql(contract: Contract, *carried: str) -> str:
    """Reads the relation `raw`: every column of the contract as text, and `_malformed` (why the row could not be read
    as its header says, or NULL).

    Returns the `carried` columns of `raw`, each column typed (NULL if its text is blank or does not have the form of
    its type), `broken` (the joined reasons for which the row is rejected, or NULL) and `warned` (the joined rules of
    severity warn that an accepted row breaks, or NULL).
    """
    rejecting = [*(rule for rule in contract.rules if rule.severity is Severity.REJECT), *partition_rules(contract)]
    warning = [rule for rule in contract.rules if rule.severity is Severity.WARN]
    reasons = [*(_value_reason(column, contract) for column in contract.columns), *map(_rule_reason, rejecting)]
    kept = [f"`{name}`" for name in (*carried, *contract.names)]
    source = [f"raw.`{name}`" for name in (*carried, MALFORMED)]
    as_read = [read for column in contract.file_columns for read in texts(column)]
    values = [f"{typed(column)} AS `{column.name}`" for column in contract.file_columns]
    derived = [f"{column.derived} AS `{column.name}`" for column in contract.columns if column.derived]
    values_from = f"(SELECT {_lines(['*', *derived])} FROM typed)" if derived else "typed"
    return f"""WITH as_read AS (
  SELECT {_lines([*source, *as_read])}
  FROM raw
),
typed AS (
  SELECT {_lines(["*", *values])}
  FROM {texts_from(contract.file_columns)}
),
checked AS (
  SELECT *, {_sound(contract.columns, rejecting)} AS `is sound`
  FROM {values_from}
)
SELECT {_lines(kept)},
  CASE WHEN {MALFORMED} <> '' THEN {MALFORMED}
       WHEN `is sound` THEN NULL
       ELSE {_joined(reasons)} END AS broken,
  CASE WHEN {MALFORMED} <> '' OR NOT `is sound` OR ({_sound((), warning)}) THEN NULL
       ELSE {_joined([_rule_reason(rule) for rule in warning])} END AS warned
FROM checked"""


def _sound(columns: tuple[Column, ...], rules: list[Rule]) -> str:
    """The predicate that nothing is broken, as one chain of ANDs: an engine stops at the first FALSE, and only bad rows
    pay for the text of their reasons. It checks whether a text is blank only if the typed value is NULL.
    """
    present = [_is_sound(column) for column in columns if column.required or column.derived is None]
    return " AND ".join(present + [f"coalesce({rule.predicate}, TRUE)" for rule in rules]) or "TRUE"


def _is_sound(column: Column) -> str:
    present = f"`{column.name}` IS NOT NULL"
    return present if column.required else f"({present} OR {blank(text_of(column))})"


def _value_reason(column: Column, contract: Contract) -> str:
    """The reason that a value is missing or does not have the form of its type. A calculated value has one only if the
    values that it is calculated from are sound: otherwise theirs are enough.
    """
    if column.derived is not None:
        sources = [_is_sound(contract.column(name)) for name in column.sources]
        missing = " AND ".join([f"`{column.name}` IS NULL", *sources])
        return f"CASE WHEN {missing} THEN '{column.name}: required' END" if column.required else "NULL"
    missing = f"'{column.name}: required'" if column.required else "NULL"
    return (
        f"CASE WHEN `{column.name}` IS NULL THEN CASE WHEN {blank(text_of(column))} THEN {missing} ELSE '{column.name}:"
        f" not {column.type}' END END"
    )


def _rule_reason(rule: Rule) -> str:
    return f"CASE WHEN NOT ({rule.predicate}) THEN {spark_literal(rule.name)} END"


def _joined(reasons: list[str]) -> str:
    """concat_ws skips NULLs in both engines. Evaluated only for rows that have a reason, so the result is never
    empty.
    """
    if not reasons:
        return "CAST(NULL AS STRING)"
    separator = ",\n    "
    return f"concat_ws('{SEPARATOR}',\n    {separator.join(reasons)})"


def _lines(items: list[str]) -> str:
    return ",\n    ".join(items)
