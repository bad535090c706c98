import pytest
from mypy_boto3_s3 import S3Client

from lakehouse_assets_tests.embedded_aws.steps import Athena, register, write_delta


@pytest.fixture
def table(bucket: str, database: str) -> None:
    write_delta(f"s3://{bucket}/dwh/things", "SELECT range AS id, 'it''s ' || range AS name FROM range(3)")
    register(database, "things", f"s3://{bucket}/dwh/things")


@pytest.mark.parametrize(
    ("sql", "name", "type_", "value"),
    [
        ("SELECT true AS x", "x", "boolean", "true"),
        ("SELECT 1 AS x", "x", "integer", "1"),
        ("SELECT count(*) AS x", "x", "bigint", "1"),
        ("SELECT sum(CAST(5 AS BIGINT)) AS x", "x", "bigint", "5"),
        ("SELECT -7 / 2 AS x", "x", "integer", "-3"),
        ("SELECT 7 / DOUBLE '2' AS x", "x", "double", "3.5"),
        ("SELECT CAST(1.1 AS REAL) AS x", "x", "float", "1.1"),
        ("SELECT CAST(12.5 AS DECIMAL(10, 2)) AS x", "x", "decimal", "12.50"),
        ("SELECT 'text' AS x", "x", "varchar", "text"),
        ("SELECT '' AS x", "x", "varchar", ""),
        ("SELECT DATE '2025-04-01' AS x", "x", "date", "2025-04-01"),
        ("SELECT TIMESTAMP '2025-04-01 11:27:00' AS x", "x", "timestamp", "2025-04-01 11:27:00.000"),
        ("SELECT ARRAY[1, NULL] AS x", "x", "array", "[1, null]"),
        ("SELECT CAST(NULL AS VARCHAR) AS x", "x", "varchar", None),
        ("SELECT 1, count(*)", "_col0", "integer", "1"),
    ],
)
def test_types_and_values_are_athenas(athena: Athena, sql: str, name: str, type_: str, value: str | None) -> None:
    assert athena.columns(sql)[0] == (name, type_)
    assert athena.rows(sql)[0][0] == value


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("date_diff('month', DATE '2025-01-31', DATE '2025-02-01')", "0"),
        ("date_diff('month', DATE '2025-01-31', DATE '2025-02-28')", "1"),
        ("date_diff('month', DATE '2025-03-31', DATE '2025-02-28')", "-1"),
        ("date_diff('year', DATE '2024-02-29', DATE '2025-02-28')", "1"),
        ("date_diff('day', TIMESTAMP '2025-01-01 23:00:00', TIMESTAMP '2025-01-02 01:00:00')", "0"),
        ("date_diff('day', DATE '2025-01-01', TIMESTAMP '2025-01-03 01:00:00')", "2"),
        ("date_diff('hour', TIMESTAMP '2025-01-01 00:59:00', TIMESTAMP '2025-01-01 01:01:00')", "0"),
        ("CAST(DOUBLE '2.5' AS INTEGER)", "3"),
        ("CAST(DOUBLE '-2.5' AS BIGINT)", "-3"),
        ("CAST(REAL '3.5' AS SMALLINT)", "4"),
        ("CAST(2.5 AS INTEGER)", "3"),
        ("CAST('-15' AS INTEGER)", "-15"),
        ("CAST(true AS TINYINT)", "1"),
        ("CAST(CAST(NULL AS VARCHAR) AS INTEGER)", None),
        ("TRY_CAST('1.5' AS INTEGER)", None),
        ("TRY_CAST('x' AS BIGINT)", None),
        ("TRY_CAST(DOUBLE '1e300' AS BIGINT)", None),
        ("CAST(sum(CAST(x AS INTEGER)) OVER () AS BIGINT)", "2"),
        ("CAST((SELECT max(x) FROM (VALUES DOUBLE '1.5') AS v(x)) AS INTEGER)", "2"),
        (
            "reduce(transform(ARRAY[DOUBLE '0.5', DOUBLE '1.5'], e -> CAST(e AS INTEGER)), 0, (a, e) -> a + e, a -> a)",
            "3",
        ),
        ("substr('abc', 0, 2)", ""),
        ("substr('abc', 2, 5)", "bc"),
        ("substr('abc', -2)", "bc"),
        ("substr('abc', -4)", ""),
        ("substr('abc', 3, -2)", ""),
        ("substring('abc' FROM 2 FOR 1)", "b"),
        ("substr(CAST(NULL AS VARCHAR), 0)", None),
        ("split_part('a,b', ',', 2)", "b"),
        ("split_part('a,', ',', 2)", ""),
        ("split_part('a,b', ',', 3)", None),
    ],
)
def test_what_duckdb_computes_otherwise_is_computed_as_trino_does(athena: Athena, sql: str, value: str | None) -> None:
    assert athena.rows(f"SELECT {sql} FROM (VALUES DOUBLE '1.5') AS t(x)") == [(value,)]


def test_a_cast_to_an_integer_has_its_type(athena: Athena) -> None:
    sql = (
        "SELECT CAST(x AS TINYINT) AS a, CAST(x AS SMALLINT) AS b, CAST(x AS INTEGER) AS c, TRY_CAST(x AS BIGINT) AS d"
        " FROM (VALUES DOUBLE '1') AS t(x)"
    )
    assert athena.columns(sql) == [("a", "tinyint"), ("b", "smallint"), ("c", "integer"), ("d", "bigint")]


def test_a_timestamp_of_a_delta_table_has_a_time_zone(athena: Athena, bucket: str, database: str) -> None:
    write_delta(f"s3://{bucket}/dwh/times", "SELECT TIMESTAMPTZ '2025-04-01 11:27:00.1234+02' AS at")
    register(database, "times", f"s3://{bucket}/dwh/times")

    assert athena.columns("SELECT at FROM times") == [("at", "timestamp with time zone")]
    assert athena.rows("SELECT at, date(at), hour(at), at > TIMESTAMP '2025-04-01 09:00:00' FROM times") == [
        ("2025-04-01 09:27:00.123 UTC", "2025-04-01", "9", "true")
    ]


def test_a_null_has_no_text(athena: Athena) -> None:
    query_id = athena.start("SELECT CAST(NULL AS INTEGER) AS nothing, '' AS blank")
    athena.ended(query_id)

    row = athena.client.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"][1]

    assert row["Data"] == [{}, {"VarCharValue": ""}]


def test_the_result_is_in_the_file_that_the_execution_names(athena: Athena, s3: S3Client, bucket: str) -> None:
    sql = """SELECT * FROM (VALUES ('with "quotes", and
a line', 1), ('', NULL)) AS t(text, number) ORDER BY number"""

    location = athena.ended(athena.start(sql))["ResultConfiguration"]["OutputLocation"]

    assert location.startswith(f"s3://{bucket}/athena/")
    content = s3.get_object(Bucket=bucket, Key=location.removeprefix(f"s3://{bucket}/"))["Body"].read().decode()
    assert content == '"text","number"\n"with ""quotes"", and\na line","1"\n"",\n'


def test_a_result_that_cannot_be_written_fails_the_query(database: str, bucket: str) -> None:
    assert "NoSuchBucket" in Athena(database, f"s3://{bucket}-gone/athena").reason_to_fail("SELECT 1")


def test_parameters_are_values_and_never_sql(athena: Athena, table: None) -> None:
    sql = "SELECT id FROM things WHERE name = ? AND id >= ? AND name <> '?' -- not this one: ?"

    assert athena.rows(sql, "'it''s 2'", "1") == [("2",)]
    assert athena.rows(sql, "'x'' OR 1 = 1 --'", "1") == []
    assert "is not a literal" in athena.reason_to_fail(sql, "name", "1")
    assert "is not a literal" in athena.reason_to_fail(sql, "(SELECT max(name) FROM things)", "1")
    assert "expected 2 but found 1" in athena.reason_to_fail(sql, "'x'")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT FROM", "SYNTAX_ERROR"),
        ("SELECT nothing FROM things", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("DELETE FROM things", "NOT_SUPPORTED"),
        (
            "CREATE EXTERNAL TABLE more (id int) LOCATION 's3://somewhere/more/'",
            "NOT_SUPPORTED: the embedded Athena answers only SELECT",
        ),
        ("SELECT 1 / 0", "Division by zero"),
        ("SELECT CAST('x' AS INTEGER)", "Could not convert"),
        ("SELECT CAST('1.5' AS INTEGER)", "Could not convert string '1.5' to INTEGER"),
        ("SELECT CAST(name AS BIGINT) FROM things", "Could not convert string 'it's 0' to BIGINT"),
        ("SELECT CAST(DOUBLE '1e300' AS BIGINT)", "out of range"),
        ("SELECT split_part('a', ',', 0)", "Index must be greater than zero"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(athena: Athena, table: None, sql: str, reason: str) -> None:
    assert reason in athena.reason_to_fail(sql)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT count(*) FROM things WHERE id = '1'",
            "TYPE_MISMATCH: Cannot apply operator to number and varchar: id = '1'",
        ),
        ("SELECT id || 'x' FROM things", "TYPE_MISMATCH: Cannot apply operator to number and varchar: id || 'x'"),
        ("SELECT 1 = '1'", "TYPE_MISMATCH"),
        ("SELECT 'a' || 1", "TYPE_MISMATCH"),
        (
            "SELECT x FROM (VALUES DATE '2025-04-01') AS t(x) WHERE x >= '2025-04-01'",
            "TYPE_MISMATCH: Cannot apply operator to date and varchar",
        ),
        (
            "SELECT substr(name, 1, 1) AS n, count(*) FROM things GROUP BY n",
            "COLUMN_NOT_FOUND: Column 'n' cannot be resolved",
        ),
        ("SELECT id AS I FROM things WHERE i = 1", "COLUMN_NOT_FOUND: Column 'i' cannot be resolved"),
        ("SELECT count(*) AS c FROM things HAVING c > 1", "COLUMN_NOT_FOUND"),
        ("SELECT id + 1 AS y, y + 1 AS z FROM things", "COLUMN_NOT_FOUND"),
        ("SELECT * FROM (SELECT id AS y FROM things WHERE y > 0)", "COLUMN_NOT_FOUND"),
        ("WITH w AS (SELECT id AS k FROM things) SELECT k AS m FROM w WHERE m = 1", "COLUMN_NOT_FOUND"),
    ],
)
def test_what_trino_refuses_is_refused(athena: Athena, table: None, sql: str, reason: str) -> None:
    assert reason in athena.reason_to_fail(sql)


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        (
            "SELECT substr(name, 1, 2) AS name, count(*) AS c FROM things WHERE name <> 'x' GROUP BY name ORDER BY c",
            ("it", "1"),
        ),
        ("SELECT id AS k FROM things WHERE id >= 0.5 AND name || '!' = 'it''s 1!' ORDER BY k", ("1",)),
        ("WITH w AS (SELECT id AS k FROM things) SELECT k AS m FROM w WHERE k = 1", ("1",)),
        (
            (
                "SELECT id AS n FROM things t WHERE EXISTS (SELECT 1 AS o FROM things u WHERE u.id = t.id AND name ="
                " 'it''s 2')"
            ),
            ("2",),
        ),
        ("SELECT transform(ARRAY[1], x -> x + 1) AS x FROM things LIMIT 1", ("[2]",)),
        ("SELECT r AS q FROM things CROSS JOIN UNNEST(ARRAY['a', 'b']) AS z(r) WHERE r = 'a' LIMIT 1", ("a",)),
        ("SELECT count(*) AS c FROM things HAVING count(*) > 1 ORDER BY c", ("3",)),
        ("SELECT count(*) FROM things WHERE NULL = 'a'", ("0",)),
    ],
)
def test_what_only_looks_like_it_is_answered(athena: Athena, table: None, sql: str, row: tuple[str, ...]) -> None:
    assert athena.rows(sql)[0] == row


def test_a_query_that_would_drop_a_table_leaves_it_in_the_catalog(athena: Athena, table: None) -> None:
    for sql in ("DROP TABLE things", "drop table if exists things;"):
        assert "NOT_SUPPORTED" in athena.reason_to_fail(sql)
    assert athena.rows("SELECT count(*) FROM things") == [("3",)]


def test_other_tables_are_read_as_before(athena: Athena, s3: S3Client, bucket: str, database: str) -> None:
    s3.put_object(Bucket=bucket, Key="plain/data.csv", Body=b"id\n1\n2\n")
    register(database, "plain", f"s3://{bucket}/plain", classification="csv")

    assert athena.rows("SELECT count(*) FROM plain") == [("2",)]


def test_only_the_latest_queries_are_remembered(athena: Athena) -> None:
    first = athena.start("SELECT 1")
    athena.ended(first)
    others = [athena.start("SELECT 1") for _ in range(100)]
    for query_id in others:
        athena.ended(query_id)

    athena.ended(athena.start("SELECT 1"))

    with pytest.raises(athena.client.exceptions.InvalidRequestException):
        athena.client.get_query_execution(QueryExecutionId=first)
    assert athena.ended(others[-1])["Status"]["State"] == "SUCCEEDED"
