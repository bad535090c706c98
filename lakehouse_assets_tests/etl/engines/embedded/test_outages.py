"""An S3 that does not answer is an outage, to be tried again, wherever a table is opened, read or written; what no
retry heals is none, and no message holds a key of S3 or a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine, delta, failures
from lakehouse_assets_tests.etl.support import House, row, rows_file
from lakehouse_assets_tests.s3_proxy import CONFLICT, DENIED, s3_proxy
from lakehouse_assets_tests.support import read_delta

NOBODY_LISTENS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
    "max_retries": "0",
}


@pytest.mark.parametrize(
    "opened",
    [
        lambda uri: delta.existing_table(uri, NOBODY_LISTENS),
        lambda uri: delta.open_table(uri, {"a": "int"}, None, NOBODY_LISTENS),
    ],
)
def test_a_table_that_cannot_be_reached_is_named_in_plain_words(opened: Callable[[str], object]) -> None:
    with pytest.raises(TemporaryOutage, match=r"s3://bucket/table cannot be reached: .*Generic S3 error") as failed:
        opened("s3://bucket/table")
    assert "\x1b" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_refused_connection_while_writing_is_one_too(tmp_path: Path) -> None:
    def refused() -> None:
        raise OSError("Generic S3 error: connection refused")

    table = delta.open_table(str(tmp_path / "table"), {"a": "int"}, None, {})
    with pytest.raises(TemporaryOutage, match="table/ cannot be reached: Generic S3 error: connection refused"):
        delta.with_outage_named(table, refused)


PUT = (
    "Failed to parse parquet: External: Generic S3 error: Error performing PUT"
    " http://127.0.0.1/bucket/table/shop%3DSecret/part.parquet in 3ms - "
)
REFUSED = (
    PUT + "Server returned non-2xx status code: 4{} Bad Request: <?xml"
    " version='1.0'?><Error><Code>{}</Code><Key>table/shop=Secret</Key></Error>"
)
KERNEL = (
    "Kernel error -> Generic S3 error\n \x1b[31m↳\x1b[0m Server returned non-2xx status code\n  \x1b[31m↳\x1b[0m"
    " {}\n<Error><Code>{}</Code></Error>"
)


class PanicException(BaseException):
    """As pyo3 makes one."""


@pytest.mark.parametrize(
    ("raised", "kind", "told"),
    [
        (
            DeltaError(REFUSED.format("00", "KeyTooLongError")),
            BadConfiguration,
            "S3 refused the request (Generic S3 error: KeyTooLongError: status 400)",
        ),
        (DeltaError(REFUSED.format("00", "InvalidRequest")), BadConfiguration, "InvalidRequest"),
        (DeltaError(REFUSED.format("00", "RequestTimeout")), TemporaryOutage, "RequestTimeout"),
        (OSError(KERNEL.format("404 Not Found", "NoSuchBucket")), BadConfiguration, "NoSuchBucket"),
        (OSError(KERNEL.format("503 Slow Down", "SlowDown")), TemporaryOutage, "cannot be reached"),
        (OSError(KERNEL.format("500 Oops", "InternalError")), TemporaryOutage, "status 500"),
        (
            OSError("The operation lacked the necessary privileges to complete for path table/shop=Secret"),
            BadConfiguration,
            "necessary privileges",
        ),
        (
            DeltaError(PUT + "HTTP error: error sending request"),
            TemporaryOutage,
            "cannot be reached: Generic S3 error: error sending request",
        ),
        (
            DeltaError("Object at location table/shop=Secret/part.parquet not found"),
            LakehouseError,
            "refers to a file that does not exist",
        ),
        (
            OSError("Generic LocalFileSystem error: shop=Secret: No space left on device (os error 28)"),
            LakehouseError,
            "free some space",
        ),
        (SchemaMismatchError("Cannot cast 'Secret' to int"), LakehouseError, "delta-rs failed (SchemaMismatchError)"),
        (
            DeltaError("Generic DeltaTable error: task 7 panicked with 'Secret'"),
            LakehouseError,
            "delta-rs failed (DeltaError)",
        ),
        (PanicException("index out of bounds: Secret"), LakehouseError, "delta-rs failed (PanicException)"),
        (
            CommitFailedError("a concurrent transaction read shop=Secret"),
            TemporaryOutage,
            "another writer committed to the table in the meantime",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_an_outage_is_only_what_a_retry_can_heal(
    tmp_path: Path, raised: BaseException, kind: type[LakehouseError], told: str
) -> None:
    def write() -> None:
        raise raised

    table = delta.open_table(str(tmp_path / "table"), {"a": "int"}, None, {})
    with pytest.raises(LakehouseError) as failed:
        delta.with_outage_named(table, write)
    assert type(failed.value) is kind
    assert told in str(failed.value)
    assert "Secret" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_bucket_that_is_not_there_is_no_outage(lakehouse: Lakehouse) -> None:
    with pytest.raises(BadConfiguration, match=r"S3 refused the request .*NoSuchBucket"):
        delta.existing_table("s3://lakehouse-nobody-has/table", lakehouse.tables.storage_options)


@pytest.mark.parametrize("version", [0, 1], ids=["created", "appended"])
def test_a_commit_that_met_another_write_is_an_outage_and_tried_again_it_is_done(
    lakehouse: Lakehouse, version: int
) -> None:
    """S3's 409 says that two writes met, not that the other one was done; delta-rs takes it for a commit that is
    there.
    """
    uri, options = f"{lakehouse.tables.data}probe", lakehouse.tables.storage_options

    def write(options: dict[str, str]) -> None:
        table = delta.open_table(uri, {"a": "int"}, None, options)
        delta.append(table, duckdb.connect().sql("SELECT 1::INT AS a"), "load")

    with s3_proxy(options["AWS_ENDPOINT_URL"]) as proxy:
        met = f"{version:020d}.json"
        proxy.before_put[met] = lambda: CONFLICT
        with pytest.raises(TemporaryOutage, match="another writer committed"):
            write({**options, "AWS_ENDPOINT_URL": proxy.endpoint})
        assert (met, "*", 409) in proxy.commits()
    write(options)
    assert read_delta(DeltaTable(uri, storage_options=options))[1] == [(1,)]


def test_a_permission_that_is_missing_for_a_commit_is_named(lakehouse: Lakehouse) -> None:
    uri, options = f"{lakehouse.tables.data}probe", lakehouse.tables.storage_options
    with s3_proxy(options["AWS_ENDPOINT_URL"]) as proxy:
        proxy.before_put[f"{0:020d}.json"] = lambda: DENIED
        with pytest.raises(
            BadConfiguration,
            match=r"probe: a permission is missing \(.*\): s3:PutObject on its files\. Nothing is lost",
        ):
            delta.open_table(uri, {"a": "int"}, None, {**options, "AWS_ENDPOINT_URL": proxy.endpoint})


def test_rows_that_stop_coming_while_duckdb_reads_them_are_one_and_a_lost_file_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table's files are gone from the disk, which stands for both: what DuckDB says of it is the store's own
    words.
    """
    house = House(EmbeddedEngine(tmp_path / "scratch"), tmp_path, read_contracts())
    house.load("products", "b1", rows_file("products", row("products")))
    for file in Path(house.tables.table("products")).rglob("*.parquet"):
        file.unlink()

    def load() -> None:
        house.load("products", "b2", rows_file("products", row("products"), minutes=1))

    with pytest.raises(
        LakehouseError, match="A table that products is compared with refers to a file that does not exist"
    ) as lost:
        load()
    assert not isinstance(lost.value, TemporaryOutage)
    for mark in ("GENERIC", "ABSENT"):
        monkeypatch.setattr(failures, mark, "Object Store error" if mark == "GENERIC" else "nothing says so")
    with pytest.raises(TemporaryOutage, match="A table that products is compared with cannot be reached"):
        load()
