"""Two writers of one table on S3: each version has one commit, the other writer is refused or goes on behind it, and no row is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.etl.engines.embedded import delta as delta_rs
from lakehouse_assets.etl.engines.spark.engine import failures_named
from lakehouse_assets.etl.engines.spark.session import SURE, bucket_options
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.s3_proxy import CONFLICT, LOST, Answer, S3Proxy, s3_proxy
from lakehouse_assets_tests.spark import spark_of_tests

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse_assets.etl.engines.spark.delta import Table

pytestmark = pytest.mark.spark
COLUMNS = {"id": "int", "v": "string", "source_file": "string", "source_modified_at": "timestamp", "batch_id": "string"}
SECOND, THIRD, FOURTH = (f"{version:020d}.json" for version in (2, 3, 4))
SAME = "t.id = s.id"
UPDATE = {"v": "s.v"}


@dataclass
class Probe:
    """A table of two rows at version 1, and what writes to it: Spark behind the proxy, delta-rs."""

    uri: str
    options: dict[str, str]
    spark: SparkSession
    proxy: S3Proxy

    def table(self) -> Table:
        from lakehouse_assets.etl.engines.spark.delta import Table

        return Table(self.spark, self.uri).open(COLUMNS, None)

    def frame(self, *ids: int, v: str = "spark") -> DataFrame:
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in COLUMNS.items() if name not in ("id", "v"))
        return self.spark.sql(f"SELECT CAST(id AS INT) AS id, '{v}' AS v, {columns} FROM VALUES {', '.join(f'({id})' for id in ids)} AS given(id)")

    def by_delta_rs(self, *ids: int, v: str = "delta-rs") -> None:
        delta_rs.append(delta_rs.open_table(self.uri, COLUMNS, None, self.options), _arrow(*ids, v=v), f"by-delta-rs-{v}")

    def rows(self) -> list[tuple[int, str]]:
        table = delta_rs.existing_table(self.uri, self.options)
        assert table is not None
        connection = duckdb.connect().register("found", delta_rs.look_up(table, ["id", "v"], "true"))
        return sorted(connection.execute("SELECT id, v FROM found").fetchall())

    def version(self) -> int:
        table = delta_rs.existing_table(self.uri, self.options)
        assert table is not None
        return int(table.version())


def _arrow(*ids: int, v: str) -> Any:
    columns = ", ".join(f"NULL::{'TIMESTAMPTZ' if kind == 'timestamp' else 'VARCHAR'} AS {name}" for name, kind in COLUMNS.items() if name not in ("id", "v"))
    return duckdb.connect().sql(f"SELECT unnest({list(ids)})::INT AS id, '{v}' AS v, {columns}")


@pytest.fixture
def probe(lakehouse: Lakehouse) -> Iterator[Probe]:
    environment = lakehouse.aws.storage_options
    with s3_proxy(environment["AWS_ENDPOINT_URL"]) as proxy:
        spark = spark_of_tests().newSession()
        for name, value in (SURE | bucket_options(lakehouse.settings.bucket, environment | {"AWS_ENDPOINT_URL": proxy.endpoint})).items():
            spark.conf.set(name, value)
        made = Probe(f"s3://{lakehouse.settings.bucket}/tables/probe", environment, spark, proxy)
        made.by_delta_rs(1, 2, v="first")
        yield made


def append(probe: Probe, table: Table) -> None:
    table.append(probe.frame(10, 11), "load")


def merge(probe: Probe, table: Table) -> None:
    table.merge(probe.frame(2, 10, 11), SAME, "load", update=UPDATE, insert=True)


def delete(probe: Probe, table: Table) -> None:
    table.delete("id = 2")


def other_delta_rs(probe: Probe) -> None:
    probe.by_delta_rs(10, 20)


def other_spark(probe: Probe) -> None:
    from lakehouse_assets.etl.engines.spark.delta import Table

    other = probe.spark.newSession()
    jvm: Any = other._jvm
    jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    Table(other, probe.uri).open(COLUMNS, None).append(probe.frame(10, 20, v="other spark"), "other")


def compacted(probe: Probe) -> None:
    table = delta_rs.existing_table(probe.uri, probe.options)
    assert table is not None
    delta_rs.maintain(table, 168)


@pytest.mark.parametrize("other", [other_delta_rs, other_spark, compacted])
@pytest.mark.parametrize("write", [append, merge, delete])
def test_a_commit_between_sparks_look_and_its_put_is_never_overwritten_and_the_load_is_refused(
    probe: Probe, write: Callable[[Probe, Table], None], other: Callable[[Probe], None]
) -> None:
    if other is compacted:
        probe.by_delta_rs(3, v="small")
    table, before = probe.table(), probe.version()
    between = f"{before + 1:020d}.json"
    probe.proxy.before_put[between] = lambda: other(probe)

    with pytest.raises(TemporaryOutage, match="another writer committed"), failures_named(read_contracts()["orders"]):
        write(probe, table)

    assert probe.version() == before + 1
    assert (between, "*", 412) in probe.proxy.commits()
    there = probe.rows()
    assert [row for row in there if row[1] in ("first", "small")] == [(1, "first"), (2, "first"), *([(3, "small")] if other is compacted else [])]
    assert len(there) == (3 if other is compacted else 4)

    write(probe, probe.table())
    assert probe.version() == before + 2
    assert {row for row in there if row[0] not in (2, 10)} <= set(probe.rows())


def test_sparks_optimize_goes_on_behind_a_load_that_commits_meanwhile(probe: Probe) -> None:
    probe.by_delta_rs(3, v="small")
    probe.proxy.before_put[THIRD] = lambda: probe.by_delta_rs(20)
    assert probe.table().maintain(168)[:2] == (2, 1)
    assert [(condition, status) for name, condition, status in probe.proxy.commits() if name in (THIRD, FOURTH)] == [("*", 412), ("*", 200)]
    assert probe.rows() == [(1, "first"), (2, "first"), (3, "small"), (20, "delta-rs")]


def test_a_put_that_met_another_write_is_tried_again_and_done(probe: Probe) -> None:
    """A 409 says that two writes met, not that the other one was done."""
    probe.proxy.before_put[SECOND] = lambda: CONFLICT
    append(probe, probe.table())
    assert probe.proxy.commits() == [(SECOND, "*", 409), (SECOND, "*", 200)]
    assert probe.rows() == [(1, "first"), (2, "first"), (10, "spark"), (11, "spark")]


def test_a_put_that_meets_others_without_end_is_an_outage(probe: Probe) -> None:
    def always() -> Answer:
        probe.proxy.before_put[SECOND] = always
        return CONFLICT

    always()
    with pytest.raises(TemporaryOutage, match="another writer committed"), failures_named(read_contracts()["orders"]):
        append(probe, probe.table())
    assert {status for _, _, status in probe.proxy.commits()} == {409}
    assert probe.rows() == [(1, "first"), (2, "first")]


def test_a_commit_whose_answer_was_lost_is_known_for_ones_own(probe: Probe) -> None:
    """S3A asks again, and is told that the version is there."""
    probe.proxy.after_put[SECOND] = LOST
    append(probe, probe.table())
    assert probe.proxy.commits() == [(SECOND, "*", 200), (SECOND, "*", 412)]
    assert probe.rows() == [(1, "first"), (2, "first"), (10, "spark"), (11, "spark")]
