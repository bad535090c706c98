from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable
from mypy_boto3_glue import GlueClient
from mypy_boto3_s3 import S3Client

from lakehouse_assets.aws.delta_entry import delta_entry
from lakehouse_assets_tests.embedded_aws.steps import Athena, register, write_delta, write_log

SCHEMA = '{"type":"struct","fields":[{"name":"id","type":"long","nullable":true,"metadata":{}}]}'


@pytest.fixture
def table(bucket: str, database: str) -> str:
    """The location of a Delta table with the rows 1 to 10, registered as `things`."""
    location = f"s3://{bucket}/dwh/things"
    write_delta(location, "SELECT range AS id, 'first' AS word FROM range(1, 11)")
    register(database, "things", location)
    return location


def test_rows_of_overwritten_files_are_not_seen(athena: Athena, table: str) -> None:
    write_delta(table, "SELECT 99::BIGINT AS id, 'second' AS word", mode="overwrite")

    assert athena.rows("SELECT id, word FROM things") == [("99", "second")]


def test_deleted_rows_are_not_seen(athena: Athena, table: str) -> None:
    DeltaTable(table).delete("id <= 7")

    assert athena.rows("SELECT count(*), min(id) FROM things") == [("3", "8")]


def test_merged_rows_are_seen_once(athena: Athena, table: str) -> None:
    with duckdb.connect() as connection:
        changes = connection.sql("SELECT range AS id, 'changed' AS word FROM range(9, 13)")
        (
            DeltaTable(table)
            .merge(changes, predicate="target.id = source.id", source_alias="source", target_alias="target")
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )

    assert athena.rows("SELECT word, count(*) FROM things GROUP BY word ORDER BY word") == [
        ("changed", "4"),
        ("first", "8"),
    ]


def test_a_query_sees_the_version_of_its_own_time(athena: Athena, table: str) -> None:
    counts = []
    for number in range(3):
        counts.append(athena.rows("SELECT count(*) FROM things"))
        write_delta(table, f"SELECT {100 + number}::BIGINT AS id, 'more' AS word", mode="append")

    assert counts == [[("10",)], [("11",)], [("12",)]]


def test_partition_values_come_from_the_log_with_their_types(athena: Athena, bucket: str, database: str) -> None:
    location = f"s3://{bucket}/dwh/with space/Ümlaut+plus"
    values = (
        "('plain', 1, DATE '2025-04-01'), ('a b/c%d=e?#&''\"', 2, NULL), (NULL, 3, DATE '2025-04-03'), ('ü', 4, NULL)"
    )
    write_delta(location, f"SELECT * FROM (VALUES {values}) AS t(name, number, day)", partition_by=["name", "day"])
    register(database, "parts", location)

    assert athena.rows("SELECT name, number, day > DATE '2025-04-02', name LIKE '%/c%' FROM parts ORDER BY number") == [
        ("plain", "1", "false", "false"),
        ("a b/c%d=e?#&'\"", "2", None, "true"),
        (None, "3", "true", None),
        ("ü", "4", None, "false"),
    ]


def test_columns_that_older_files_lack_are_null(athena: Athena, table: str) -> None:
    write_delta(
        table, "SELECT 11::BIGINT AS id, 'later' AS word, 1.5::DOUBLE AS price", mode="append", schema_mode="merge"
    )

    assert athena.rows("SELECT count(*), count(price), max(price) FROM things") == [("11", "1", "1.5")]


def test_a_table_without_rows_has_its_columns(athena: Athena, table: str) -> None:
    DeltaTable(table).delete()

    assert athena.rows("SELECT id, word FROM things") == []
    assert athena.columns("SELECT * FROM things") == [("id", "bigint"), ("word", "varchar")]


def test_several_tables_join(athena: Athena, table: str, bucket: str, database: str) -> None:
    write_delta(f"s3://{bucket}/dwh/prices", "SELECT range AS thing_id, range * 1.5::DOUBLE AS price FROM range(3)")
    register(database, "prices", f"s3://{bucket}/dwh/prices")
    sql = f"""
        WITH priced AS (SELECT t.id, p.price FROM things t JOIN awsdatacatalog.{database}.prices p ON p.thing_id = t.id)
        SELECT things.id, priced.price FROM things LEFT JOIN priced ON priced.id = things.id ORDER BY 1 LIMIT 3"""

    assert athena.rows(sql) == [("1", "1.5"), ("2", "3.0"), ("3", None)]


def test_a_with_query_may_have_the_name_of_the_table_that_it_reads(athena: Athena, table: str) -> None:
    assert athena.rows(
        "WITH things AS (SELECT * FROM things WHERE id > 8) SELECT count(*), max(things.id) FROM things"
    ) == [("2", "10")]


def test_queries_run_side_by_side(athena: Athena, table: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda number: athena.rows(f"SELECT count(*) + {number} FROM things"), range(16)))

    assert counts == [[(str(10 + number),)] for number in range(16)]


def test_the_bytes_scanned_are_those_of_the_live_files(athena: Athena, table: str) -> None:
    write_delta(table, "SELECT 1::BIGINT AS id, 'only' AS word", mode="overwrite")
    live = DeltaTable(table).get_add_actions()["size_bytes"].to_pylist()

    execution = athena.ended(athena.start("SELECT * FROM things"))

    assert execution["Statistics"]["DataScannedInBytes"] == sum(live)


@pytest.mark.parametrize(
    ("serde", "reason"),
    [
        ({}, "StorageDescriptor SerDeInfo is null: {}.things"),
        (
            {"SerdeInfo": {"Parameters": {"serialization.format": "1"}}},
            "DELTA_LAKE_INVALID_SCHEMA: No path property defined for table: {}.things",
        ),
    ],
    ids=["no SerDe", "no path"],
)
def test_an_entry_that_trino_cannot_read_is_refused(
    athena: Athena, table: str, glue: GlueClient, database: str, serde: dict[str, Any], reason: str
) -> None:
    entry = delta_entry("things", {}, table)
    storage = {name: value for name, value in entry["StorageDescriptor"].items() if name != "SerdeInfo"}
    glue.update_table(DatabaseName=database, TableInput=entry | {"StorageDescriptor": storage | serde})  # type: ignore[arg-type]

    assert reason.format(database) in athena.reason_to_fail("SELECT count(*) FROM things")


def test_a_table_is_where_its_serde_says(athena: Athena, table: str, glue: GlueClient, database: str) -> None:
    entry = delta_entry("things", {}, table)
    entry["StorageDescriptor"]["Location"] = "s3://elsewhere/things"
    glue.update_table(DatabaseName=database, TableInput=entry)  # type: ignore[arg-type]

    assert athena.rows("SELECT count(*) FROM things") == [("10",)]


def test_a_table_with_deletion_vectors_is_refused(athena: Athena, bucket: str, database: str) -> None:
    write_log(
        bucket,
        "dwh/marked",
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors"],
            }
        },
        {
            "metaData": {
                "id": "1",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": SCHEMA,
                "partitionColumns": [],
                "configuration": {},
            }
        },
    )
    register(database, "marked", f"s3://{bucket}/dwh/marked")

    reason = athena.reason_to_fail("SELECT count(*) FROM marked")

    assert "reader version 3 (deletionVectors)" in reason


def test_a_table_with_column_mapping_is_refused(athena: Athena, bucket: str, database: str) -> None:
    mapping = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "1"}
    schema = SCHEMA.replace(
        '"metadata":{}', '"metadata":{"delta.columnMapping.id":1,"delta.columnMapping.physicalName":"col-1"}'
    )
    write_log(
        bucket,
        "dwh/mapped",
        {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
        {
            "metaData": {
                "id": "1",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": schema,
                "partitionColumns": [],
                "configuration": mapping,
            }
        },
    )
    register(database, "mapped", f"s3://{bucket}/dwh/mapped")

    assert "reader version 2 (column mapping)" in athena.reason_to_fail("SELECT count(*) FROM mapped")


def test_a_table_whose_log_is_gone_fails_the_query(athena: Athena, s3: S3Client, bucket: str, table: str) -> None:
    s3.delete_object(Bucket=bucket, Key="dwh/things/_delta_log/00000000000000000000.json")

    assert "there is no Delta table at" in athena.reason_to_fail("SELECT count(*) FROM things")


def test_a_live_file_that_is_gone_fails_the_query(athena: Athena, s3: S3Client, bucket: str, table: str) -> None:
    (file,) = DeltaTable(table).get_add_actions()["path"].to_pylist()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for version in s3.list_object_versions(Bucket=bucket, Prefix=f"dwh/things/{file}")["Versions"]:
        s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])

    assert file in athena.reason_to_fail("SELECT count(*) FROM things")


def test_a_table_that_is_not_there_fails_the_query(athena: Athena, database: str) -> None:
    assert (
        athena.reason_to_fail("SELECT * FROM nowhere")
        == f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.nowhere' does not exist"
    )


def test_delta_tables_are_not_mixed_with_others(athena: Athena, table: str, bucket: str, database: str) -> None:
    register(database, "plain", f"s3://{bucket}/plain", classification="parquet")

    assert "cannot join Delta tables with other tables (plain)" in athena.reason_to_fail(
        "SELECT * FROM things JOIN plain USING (id)"
    )


def test_a_query_reads_no_file_but_those_of_its_tables(athena: Athena, table: str) -> None:
    assert "FUNCTION_NOT_FOUND" in athena.reason_to_fail("SELECT * FROM read_csv('/etc/hostname')")
    assert "TABLE_NOT_FOUND" in athena.reason_to_fail("""SELECT * FROM "/etc/hostname" """)
