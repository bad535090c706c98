import json
from uuid import uuid4

import boto3
import pytest
from mypy_boto3_glue import GlueClient
from mypy_boto3_glue.type_defs import LastCrawlInfoTypeDef

from lakehouse_assets_tests.embedded_aws.steps import Athena, wait_for, write_delta, write_log


@pytest.fixture
def crawler(glue: GlueClient) -> str:
    return f"crawler-{uuid4().hex}"


def crawl(crawler: str, database: str, *locations: str, **settings: object) -> LastCrawlInfoTypeDef:
    """Runs a crawler for these Delta tables, which is created if missing, and waits for its end."""
    glue = boto3.client("glue")
    if crawler not in [known["Name"] for known in glue.get_crawlers()["Crawlers"]]:
        targets = {
            "DeltaTargets": [{"DeltaTables": list(locations), "WriteManifest": False, "CreateNativeDeltaTable": True}]
        }
        glue.create_crawler(Name=crawler, Role="crawler", DatabaseName=database, Targets=targets, **settings)  # type: ignore[arg-type]
    glue.start_crawler(Name=crawler)

    def ended() -> LastCrawlInfoTypeDef | None:
        found = glue.get_crawler(Name=crawler)["Crawler"]
        return found["LastCrawl"] if found["State"] == "READY" else None

    return wait_for(ended)


def test_a_delta_table_is_registered_with_its_schema(
    glue: GlueClient, bucket: str, database: str, crawler: str
) -> None:
    location = f"s3://{bucket}/dwh/Order-Items"
    columns = """1::INTEGER AS id, 2::BIGINT AS big, 3::SMALLINT AS small, 4::TINYINT AS tiny, 1.5::DOUBLE AS price, 1.5::FLOAT AS rough,
        1.5::DECIMAL(10, 2) AS exact, 'x' AS word, true AS yes, DATE '2025-04-01' AS day, TIMESTAMPTZ '2025-04-01 00:00:00Z' AS at,
        'x'::BLOB AS bytes, ['a'] AS words, {'A': 1, 'b': ['x']} AS nested, MAP {'k': 1::BIGINT} AS counts"""
    write_delta(location, f"SELECT {columns}", partition_by=["day"])

    outcome = crawl(crawler, database, location)

    assert outcome["Status"] == "SUCCEEDED", outcome
    table = glue.get_table(DatabaseName=database, Name="order_items")["Table"]
    assert {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]} == {
        "id": "int",
        "big": "bigint",
        "small": "smallint",
        "tiny": "tinyint",
        "price": "double",
        "rough": "float",
        "exact": "decimal(10,2)",
        "word": "string",
        "yes": "boolean",
        "day": "date",
        "at": "timestamp",
        "bytes": "binary",
        "words": "array<string>",
        "nested": "struct<A:int,b:array<string>>",
        "counts": "map<string,bigint>",
    }
    assert table["StorageDescriptor"]["Location"] == location
    assert table["TableType"] == "EXTERNAL_TABLE"
    parameters = table["Parameters"]
    assert [parameters[name] for name in ("table_type", "classification", "spark.sql.sources.provider")] == [
        "delta"
    ] * 3
    parts = range(int(parameters["spark.sql.sources.schema.numParts"]))
    schema = json.loads("".join(parameters[f"spark.sql.sources.schema.part.{number}"] for number in parts))
    assert len(schema["fields"]) == 15


def test_a_crawled_table_can_be_queried(athena: Athena, bucket: str, database: str, crawler: str) -> None:
    write_delta(
        f"s3://{bucket}/dwh/things", "SELECT range AS id, range % 2 AS half FROM range(5)", partition_by=["half"]
    )

    crawl(crawler, database, f"s3://{bucket}/dwh/things/")

    assert athena.rows("SELECT half, count(*) FROM things GROUP BY half ORDER BY half") == [("0", "3"), ("1", "2")]


def test_a_later_crawl_brings_new_columns(glue: GlueClient, bucket: str, database: str, crawler: str) -> None:
    location = f"s3://{bucket}/dwh/things"
    write_delta(location, "SELECT 1 AS id")
    crawl(crawler, database, location, TablePrefix="my_")
    write_delta(location, "SELECT 1 AS id, 'x' AS word", mode="append", schema_mode="merge")

    crawl(crawler, database, location)

    columns = glue.get_table(DatabaseName=database, Name="my_things")["Table"]["StorageDescriptor"]["Columns"]
    assert [column["Name"] for column in columns] == ["id", "word"]


def test_a_crawler_told_to_log_changes_leaves_tables_alone(
    glue: GlueClient, bucket: str, database: str, crawler: str
) -> None:
    location = f"s3://{bucket}/dwh/things"
    write_delta(location, "SELECT 1 AS id")
    crawl(crawler, database, location, SchemaChangePolicy={"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"})
    write_delta(location, "SELECT 1 AS id, 'x' AS word", mode="append", schema_mode="merge")

    assert crawl(crawler, database, location)["Status"] == "SUCCEEDED"

    columns = glue.get_table(DatabaseName=database, Name="things")["Table"]["StorageDescriptor"]["Columns"]
    assert [column["Name"] for column in columns] == ["id"]


def test_a_folder_without_a_delta_table_fails_the_crawl_but_not_the_others(
    glue: GlueClient, bucket: str, database: str, crawler: str
) -> None:
    write_delta(f"s3://{bucket}/dwh/things", "SELECT 1 AS id")
    write_log(bucket, "dwh/marked", {"protocol": {"minReaderVersion": 9, "minWriterVersion": 9}})

    outcome = crawl(
        crawler, database, f"s3://{bucket}/nothing", f"s3://{bucket}/dwh/marked", f"s3://{bucket}/dwh/things"
    )

    assert outcome["Status"] == "FAILED"
    assert f"there is no Delta table at s3://{bucket}/nothing" in outcome["ErrorMessage"]
    assert f"s3://{bucket}/dwh/marked" in outcome["ErrorMessage"]
    assert [table["Name"] for table in glue.get_tables(DatabaseName=database)["TableList"]] == ["things"]


def test_a_crawl_into_no_database_fails(glue: GlueClient, bucket: str, crawler: str) -> None:
    write_delta(f"s3://{bucket}/dwh/things", "SELECT 1 AS id")

    outcome = crawl(crawler, "nowhere", f"s3://{bucket}/dwh/things")

    assert (outcome["Status"], outcome["ErrorMessage"]) == ("FAILED", "there is no database nowhere")


def test_a_crawler_that_is_not_there_cannot_start(glue: GlueClient) -> None:
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.start_crawler(Name="nobody")
