"""The plan: turns a contract into SQL that validates every row. It is written in Spark's dialect; sqlglot translates it
for DuckDB.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import sqlglot
from sqlglot.dialects.spark import Spark

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.plan.decide import (
    PLACE,
    WRITTEN,
    beaten_sql,
    decide_sql,
    filled_sql,
    repeated_sql,
    silence,
)
from lakehouse_assets.etl.plan.hints import hint
from lakehouse_assets.etl.plan.judge import SEPARATOR, judge_sql
from lakehouse_assets.etl.plan.keys import key_text, missing_relation, missing_sql, parent_keys, parent_relation

__all__ = [
    "PLACE",
    "SEPARATOR",
    "WRITTEN",
    "beaten_sql",
    "decide_sql",
    "filled_sql",
    "fingerprint",
    "for_duckdb",
    "hint",
    "judge_sql",
    "key_text",
    "missing_relation",
    "missing_sql",
    "parent_keys",
    "parent_relation",
    "repeated_sql",
    "silence",
]


class PlanSpark(Spark):
    """The dialect of Spark SQL that the plan is written in. The plan never uses ORDER BY ALL, for which sqlglot would
    take ORDER BY of a column named `all`, quoted or not.
    """

    SUPPORTS_ORDER_BY_ALL = False


@lru_cache
def for_duckdb(spark_sql: str) -> str:
    """Returns the same statement in DuckDB's dialect. Every name is quoted, because a name in a contract may be a
    keyword of SQL. A Spark TIMESTAMP is an instant: in DuckDB, a TIMESTAMPTZ.
    """
    return sqlglot.transpile(spark_sql, read=PlanSpark, write="duckdb", identify=True)[0]


def fingerprint(contract: Contract) -> str:
    """Returns a short hash of everything that determines which of a dataset's rows are rejected, and why. It changes
    with the contract and with the plan.
    """
    return hashlib.sha256("\n".join((judge_sql(contract), decide_sql(contract))).encode()).hexdigest()[:16]
