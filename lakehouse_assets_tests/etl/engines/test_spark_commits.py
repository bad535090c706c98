"""Two writers of one table on S3: each version has one commit, the other writer is refused or goes on behind it, and no
row is lost or doubled.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.etl.engines.embedded import delta as delta_rs
from lakehouse_assets.etl.engines.spark.engine import failures_named
from lakehouse_assets.etl.engines.spark.session import SURE, bucket_options
from lakehouse_assets_tests.s3_proxy import CONFLICT, DENIED, LOST, Answer, S3Proxy, s3_proxy
from lakehouse_assets_tests.spark import spark_of_tests
from lakehouse_assets_tests.support import body, keys

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from lakehouse_assets.etl.engines.spark.delta import Table

pytestmark = pytest.mark.spark
COLUMNS = {"id": "int", "v": "string", "source_file": "string", "source_modified_at": "timestamp", "batch_id": "string"}
CREATED, THIRD = f"{0:020d}.json", f"{3:020d}.json"
WIDER = COLUMNS | {"more": "string"}
SAME = "t.id = s.id"
UPDATE = {"v": "s.v"}
PATIENCE = "900s"
"""A put waits until the other writer is done. One that is sent again meanwhile would come before it."""
ONE_LISTING = {"spark.sql.sources.parallelPartitionDiscovery.parallelism": "1"}


FIRST = [(1, "first"), (2, "first"), (3, "first")]
OURS, THEIRS = ("ours", (2, 10, 11)), ("theirs", (1, 10, 20))


@dataclass
class Probe:
    """A table of three rows in two files, at version 2, and what writes to it: Spark behind the proxy, delta-rs."""

    lakehouse: Lakehouse
    spark: SparkSession
    proxy: S3Proxy
    elsewhere: Executor

    @property
    def uri(self) -> str:
        return f"s3://{self.lakehouse.settings.bucket}/tables/probe"

    @property
    def options(self) -> dict[str, str]:
        return self.lakehouse.aws.storage_options

    @property
    def behind_proxy(self) -> dict[str, str]:
        return self.options | {"AWS_ENDPOINT_URL": self.proxy.endpoint}

    def session(self) -> SparkSession:
        """One that knows nothing of the table yet, as that of another process."""
        spark = self.spark.newSession()
        jvm: Any = spark._jvm
        jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        bucket = self.lakehouse.settings.bucket
        for name, value in (SURE | ONE_LISTING | bucket_options(bucket, self.behind_proxy)).items():
            spark.conf.set(name, value)
        for name in ("connection.timeout", "connection.request.timeout"):
            spark.conf.set(f"fs.s3a.bucket.{bucket}.{name}", PATIENCE)
        return spark

    def table(self, columns: dict[str, str] = COLUMNS) -> Table:
        from lakehouse_assets.etl.engines.spark.delta import Table

        return Table(self.session(), self.uri).open(columns, None)

    def by_delta_rs(self, *ids: int, v: str = "delta-rs") -> None:
        delta_rs.append(delta_rs.open_table(self.uri, COLUMNS, None, self.options), _arrow(ids, v), f"{v} {ids}")

    def rows(self) -> list[tuple[int, str]]:
        table = delta_rs.existing_table(self.uri, self.options)
        assert table is not None
        connection = duckdb.connect().register("found", delta_rs.look_up(table, ["id", "v"], "true"))
        return sorted(connection.execute("SELECT id, v FROM found").fetchall())

    def version(self) -> int:
        table = delta_rs.existing_table(self.uri, self.options)
        assert table is not None
        return int(table.version())

    def commit(self, name: str) -> bytes:
        return body(self.lakehouse, f"tables/probe/_delta_log/{name}")


@dataclass(frozen=True)
class Write:
    """What a writer does, by one engine; and what it makes of a table's rows."""

    engine: str
    kind: str

    def __str__(self) -> str:
        return f"{self.engine} {self.kind}"

    def do(self, probe: Probe, v: str, ids: tuple[int, ...]) -> None:
        if self.engine == "delta-rs":
            probe.elsewhere.submit(_by_delta_rs, self.kind, probe.uri, probe.behind_proxy, v, ids).result()
            return
        table = probe.table(WIDER if self.kind == "widen" else COLUMNS)
        match self.kind:
            case "append":
                table.append(_frame(table, ids, v), v)
            case "merge":
                table.merge(_frame(table, ids, v), SAME, v, update=UPDATE, insert=True)
            case "delete":
                table.delete(f"id IN {ids}")
            case "optimize":
                table.maintain(168)

    def made_of(self, rows: list[tuple[int, str]], v: str, ids: tuple[int, ...]) -> list[tuple[int, str]]:
        match self.kind:
            case "append":
                return sorted([*rows, *((id, v) for id in ids)])
            case "merge":
                there = {id for id, _ in rows}
                return sorted(
                    [*((id, v if id in ids else was) for id, was in rows), *((id, v) for id in ids if id not in there)]
                )
            case "delete":
                return [row for row in rows if row[0] not in ids]
        return rows


def _by_delta_rs(kind: str, uri: str, options: dict[str, str], v: str, ids: tuple[int, ...]) -> None:
    table = delta_rs.open_table(uri, WIDER if kind == "widen" else COLUMNS, None, options | {"timeout": PATIENCE})
    match kind:
        case "append":
            delta_rs.append(table, _arrow(ids, v), v)
        case "merge":
            delta_rs.merge(table, _arrow(ids, v), SAME, v, update=UPDATE, insert=True)
        case "delete":
            delta_rs.delete(table, f"id IN {ids}")
        case "optimize":
            delta_rs.maintain(table, 168)


def _frame(table: Table, ids: tuple[int, ...], v: str) -> DataFrame:
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in COLUMNS.items() if name not in ("id", "v"))
    return table.spark.sql(
        f"SELECT CAST(id AS INT) AS id, '{v}' AS v, {columns} FROM VALUES {', '.join(f'({id})' for id in ids)} AS"
        " given(id)"
    )


def _arrow(ids: tuple[int, ...], v: str) -> Any:
    columns = ", ".join(
        f"NULL::{'TIMESTAMPTZ' if kind == 'timestamp' else 'VARCHAR'} AS {name}"
        for name, kind in COLUMNS.items()
        if name not in ("id", "v")
    )
    return duckdb.connect().sql(f"SELECT unnest({list(ids)})::INT AS id, '{v}' AS v, {columns}")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Executor]:
    """Processes for delta-rs, which keeps Python's lock in some calls: the proxy, in this one, would never answer
    it.
    """
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        yield processes


@pytest.fixture
def unmade(lakehouse: Lakehouse, elsewhere: Executor) -> Iterator[Probe]:
    """Its table is not there yet."""
    with s3_proxy(lakehouse.aws.storage_options["AWS_ENDPOINT_URL"]) as proxy:
        yield Probe(lakehouse, spark_of_tests(), proxy, elsewhere)


@pytest.fixture
def probe(unmade: Probe) -> Probe:
    unmade.by_delta_rs(1, 2, v="first")
    unmade.by_delta_rs(3, v="first")
    return unmade


ENGINES = ("spark", "delta-rs")
WRITES = [Write(engine, kind) for kind in ("append", "merge", "optimize") for engine in ENGINES]
APPEND, APPEND_BY_DELTA_RS, *_ = WRITES
DELETES, WIDENINGS = ([Write(engine, kind) for engine in ENGINES] for kind in ("delete", "widen"))
PAIRS = [
    *product(WRITES, WRITES),
    *product(DELETES, [APPEND, APPEND_BY_DELTA_RS]),
    *product(WIDENINGS, [APPEND, APPEND_BY_DELTA_RS, *WIDENINGS]),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=str)
def test_of_two_who_commit_one_version_one_is_refused_or_goes_on_behind_and_no_row_is_lost_or_doubled(
    probe: Probe, ours: Write, theirs: Write
) -> None:
    """They commit between our look at the log and our put. A load is refused, and is right when it is run again; what
    changes no row may go on.
    """
    between = f"{probe.version() + 1:020d}.json"
    commits = []

    def overtake() -> None:
        theirs.do(probe, *THEIRS)
        commits.append(probe.commit(between))

    probe.proxy.before_put[between] = overtake
    with refused() as was_refused:
        ours.do(probe, *OURS)

    assert commits == [probe.commit(between)], "what they committed stands"
    puts = probe.proxy.commits()
    assert (between, "*", 412) in puts
    assert {condition for _, condition, _ in puts} == {"*"}
    assert was_refused or ours.kind in ("optimize", "widen")
    if was_refused:
        assert probe.rows() == theirs.made_of(FIRST, *THEIRS)
        ours.do(probe, *OURS)
    assert probe.rows() == ours.made_of(theirs.made_of(FIRST, *THEIRS), *OURS)


@contextmanager
def refused() -> Iterator[list[str]]:
    """What is said to a writer that is refused: that it was another writer."""
    said: list[str] = []
    try:
        with failures_named(read_contracts()["orders"]):
            yield said
    except TemporaryOutage as error:
        said.append(str(error))
    assert all("another writer committed" in text for text in said)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(APPEND, APPEND), (APPEND, APPEND_BY_DELTA_RS), (APPEND_BY_DELTA_RS, APPEND)], ids=str
)
def test_of_two_who_create_a_table_one_is_refused(unmade: Probe, ours: Write, theirs: Write) -> None:
    unmade.proxy.before_put[CREATED] = lambda: theirs.do(unmade, *THEIRS)
    with refused() as was_refused:
        ours.do(unmade, *OURS)
    assert was_refused
    assert unmade.rows() == theirs.made_of([], *THEIRS)
    ours.do(unmade, *OURS)
    assert unmade.rows() == ours.made_of(theirs.made_of([], *THEIRS), *OURS)


def test_a_table_of_which_only_the_logs_folder_was_made_is_created_by_the_next_load(unmade: Probe) -> None:
    """So it is where a process dies, or S3 refuses the put, before the first commit."""
    unmade.proxy.before_put[CREATED] = lambda: DENIED
    with pytest.raises(BadConfiguration, match="A permission is missing"), failures_named(read_contracts()["orders"]):
        unmade.table()
    assert [key for key in keys(unmade.lakehouse, "tables/probe/_delta_log/") if not key.endswith("/")] == []
    APPEND.do(unmade, *OURS)
    assert unmade.rows() == APPEND.made_of([], *OURS)


def test_a_put_that_met_another_write_is_tried_again_and_done(probe: Probe) -> None:
    """A 409 says that two writes met, not that the other one was done."""
    probe.proxy.before_put[THIRD] = lambda: CONFLICT
    APPEND.do(probe, *OURS)
    assert probe.proxy.commits() == [(THIRD, "*", 409), (THIRD, "*", 200)]
    assert probe.rows() == APPEND.made_of(FIRST, *OURS)


def test_a_put_that_meets_others_without_end_is_an_outage(probe: Probe) -> None:
    def always() -> Answer:
        probe.proxy.before_put[THIRD] = always
        return CONFLICT

    always()
    with refused() as was_refused:
        APPEND.do(probe, *OURS)
    assert was_refused
    assert {status for _, _, status in probe.proxy.commits()} == {409}
    assert probe.rows() == FIRST


def test_a_commit_whose_answer_was_lost_is_known_for_ones_own(probe: Probe) -> None:
    """S3A asks again, and is told that the version is there."""
    probe.proxy.after_put[THIRD] = LOST
    APPEND.do(probe, *OURS)
    assert probe.proxy.commits() == [(THIRD, "*", 200), (THIRD, "*", 412)]
    assert probe.rows() == APPEND.made_of(FIRST, *OURS)
