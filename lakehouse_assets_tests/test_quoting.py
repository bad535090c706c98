"""Each engine reads back the value or the name that was quoted for it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest
import sqlglot

from lakehouse_assets.quoting import spark_literal, sql_literal, sql_name
from lakehouse_assets_tests.spark import spark_of_tests

TEXTS = ["", "it's", "''", "a\\nb", "\\'", "\\", 'a "b" `c`', "two\nlines", "é\u2028%s{}", "'; DROP TABLE orders --"]
VALUES: list[float | str | date] = [*TEXTS, -3, 2**62, 12.5, date(2025, 4, 1)]


def test_duckdb_reads_a_literal_of_standard_sql_as_its_value() -> None:
    [found] = duckdb.connect().execute(f"SELECT {', '.join(map(sql_literal, VALUES))}").fetchall()
    assert [float(value) if isinstance(value, Decimal) else value for value in found] == VALUES


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_in_duckdb_is_what_was_quoted(text: str) -> None:
    name = f"a{text}"
    assert duckdb.connect().execute(f"SELECT 1 AS {sql_name(name)}").description[0][0] == name


@pytest.mark.parametrize("text", TEXTS)
def test_the_plan_for_duckdb_has_the_text_of_a_spark_literal(text: str) -> None:
    [duckdb_sql] = sqlglot.transpile(f"SELECT {spark_literal(text)}", read="spark", write="duckdb")
    assert duckdb.connect().execute(duckdb_sql).fetchall() == [(text,)]


@pytest.mark.spark
def test_spark_reads_its_literal_as_the_value() -> None:
    [found] = spark_of_tests().sql(f"SELECT {', '.join(map(spark_literal, VALUES))}").collect()
    assert [float(value) if isinstance(value, Decimal) else value for value in found] == VALUES
