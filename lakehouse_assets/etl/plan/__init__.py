"""The plan: turns a contract into SQL that validates every row. It is written in Spark's dialect; sqlglot translates it
for DuckDB.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.parsers.spark import SparkParser

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


def _duckdb(function: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=function, expressions=list(arguments))


def _as_if_utc(local: exp.Expr) -> exp.Expr:
    return _duckdb("timezone", exp.Literal.string("UTC"), local)


class PlanSpark(Spark):
    """The dialect of Spark SQL that the plan is written in. The plan never uses ORDER BY ALL, for which sqlglot would
    take ORDER BY of a column named `all`, quoted or not.
    """

    SUPPORTS_ORDER_BY_ALL = False

    class Parser(SparkParser):
        """Reads functions of timestamps as those of DuckDB. (sqlglot takes the timestamp of the first for a local one,
        and writes the second as DuckDB does not know it.)
        """

        FUNCTIONS = {
            **SparkParser.FUNCTIONS,
            "FROM_UTC_TIMESTAMP": lambda args: _as_if_utc(_duckdb("timezone", args[1], args[0])),
            "TIMESTAMP_MICROS": lambda args: _as_if_utc(_duckdb("make_timestamp", args[0])),
        }


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
