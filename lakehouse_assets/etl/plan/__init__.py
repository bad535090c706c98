"""The plan: a contract becomes SQL that judges every row. Written in Spark's dialect, rendered for DuckDB by
sqlglot.
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
    missing_relation,
    missing_sql,
    repeated_sql,
    silence,
)
from lakehouse_assets.etl.plan.hints import hint
from lakehouse_assets.etl.plan.judge import SEPARATOR, judge_sql

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
    "missing_relation",
    "missing_sql",
    "repeated_sql",
    "silence",
]


class PlanSpark(Spark):
    """The Spark SQL that the plan is written in. It never says ORDER BY ALL: sqlglot takes ORDER BY of a column named
    `all` for that, quoted or not.
    """

    SUPPORTS_ORDER_BY_ALL = False


@lru_cache
def for_duckdb(spark_sql: str) -> str:
    """The same text in DuckDB's dialect, each name quoted, as a contract's may be a word of SQL. A Spark TIMESTAMP is
    an instant, DuckDB's TIMESTAMPTZ.
    """
    return sqlglot.transpile(spark_sql, read=PlanSpark, write="duckdb", identify=True)[0]


def fingerprint(contract: Contract) -> str:
    """A short hash of all that says which of a dataset's rows are rejected, and why: another contract or another plan
    has another.
    """
    return hashlib.sha256("\n".join((judge_sql(contract), decide_sql(contract))).encode()).hexdigest()[:16]
