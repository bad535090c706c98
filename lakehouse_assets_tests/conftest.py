"""Parts that all tests share: one embedded AWS for the session (one per xdist worker), and a lakehouse of its own for
each test.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws, embedded_aws
from lakehouse_assets.local.bootstrap import bootstrap, storage_stack
from lakehouse_assets.local.spark.ivy import MIRROR
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.cpu import measure_cpu
from lakehouse_assets_tests.local.spark.mirror import Mirror, mirror
from lakehouse_assets_tests.second_s3 import make_bucket, moto_server
from lakehouse_assets_tests.sensors.support import Daemon, Heard, subscribed
from lakehouse_assets_tests.spark import forget_tables
from lakehouse_assets_tests.support import environment_of

EMBEDDED, SECOND_S3 = "embedded", "moto"


def pytest_configure(config: pytest.Config) -> None:
    measure_cpu(config)


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What pytest-xdist keeps in one process: a file's tests, as they share what was set up, but for those that name a
    group of their own; the tests in the process's own Spark, which takes 90 CPU seconds to get going, and those that
    ask Trino, as one server is enough and Spark wrote some of its tables; those on the second S3, as one server is
    enough. The first come first, then long files."""

    def group(item: pytest.Item) -> str:
        if own := item.get_closest_marker("xdist_group"):
            return str(own.args[0])
        in_own_spark = item.get_closest_marker("spark") is not None and item.get_closest_marker("long") is None
        if in_own_spark or item.get_closest_marker("trino"):
            return "java"
        return SECOND_S3 if isinstance(item, pytest.Function) and on_second_s3(item) else item.nodeid.partition("::")[0]

    groups = {item: group(item) for item in items}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    items.sort(key=lambda item: (groups[item] != "java", item.get_closest_marker("long") is None))


def on_second_s3(item: pytest.Function) -> bool:
    return hasattr(item, "callspec") and item.callspec.params.get("reached") == SECOND_S3


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a lakehouse that is marked `every_s3` runs on the embedded AWS and on moto. One that is marked
    `wrong_in_moto` must fail there, so that it is noticed when moto does as S3 does."""
    if "reached" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_s3"):
        wrong = metafunc.definition.get_closest_marker("wrong_in_moto")
        marks = [pytest.mark.xfail(reason=wrong.args[0], strict=True)] if wrong else []
        metafunc.parametrize("reached", [EMBEDDED, pytest.param(SECOND_S3, marks=marks)], indirect=True)


@pytest.fixture(autouse=True)
def no_tables_remembered() -> Iterator[None]:
    """Spark, where it runs, keeps nothing of a test's tables."""
    yield
    forget_tables()


@pytest.fixture(autouse=True)
def retries_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a step that met an outage. No test waits for what it stands for."""
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0)


@pytest.fixture
def interrupts_heeded() -> Iterator[None]:
    """In a shell's background SIGINT is ignored, and what the tests start would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def lakehouse_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that all lakehouses of the session share; each has a bucket of its own."""
    return tmp_path_factory.mktemp("lakehouse")


@pytest.fixture(scope="session")
def lakehouse_aws(lakehouse_home: Path) -> Iterator[EmbeddedAws]:
    """The embedded AWS of `lakehouse_home`."""
    with embedded_aws(lakehouse_home) as running:
        yield running


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    """Settings that name a bucket, a database and a workgroup that nobody else has. A test module may override this
    fixture.
    """
    return own_settings(lakehouse_home)


@pytest.fixture(scope="session")
def moto_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """The second S3."""
    with moto_server(tmp_path_factory.mktemp("moto") / "moto.log") as running:
        yield running


@pytest.fixture
def reached(request: pytest.FixtureRequest) -> str:
    """Which AWS the test's lakehouse lies in."""
    return str(getattr(request, "param", EMBEDDED))


@pytest.fixture
def aws_of_lakehouse(request: pytest.FixtureRequest, reached: str) -> Aws:
    running: EmbeddedAws = request.getfixturevalue("moto_aws" if reached == SECOND_S3 else "lakehouse_aws")
    return Aws(running.environment())


@pytest.fixture
def lakehouse(settings: Settings, aws_of_lakehouse: Aws, reached: str) -> Iterator[Lakehouse]:
    """An empty lakehouse: a versioned bucket, a database, a workgroup, over real sockets. (On the second S3 no
    workgroup.)
    """
    house = Lakehouse(settings, aws_of_lakehouse)
    if reached == SECOND_S3:
        make_bucket(house, versions=True)
        yield house
        return
    bootstrap(house.settings, house.aws)
    yield house
    # The next one is refused the names of those that are there: with hundreds, each look at them took 0.1 s.
    house.aws.client("cloudformation").delete_stack(StackName=storage_stack(house.settings))


@pytest.fixture
def unversioned(settings: Settings, aws_of_lakehouse: Aws) -> Lakehouse:
    """An empty lakehouse whose bucket keeps no versions."""
    house = Lakehouse(settings, aws_of_lakehouse)
    make_bucket(house, versions=False)
    return house


@pytest.fixture
def environment_of_lakehouse(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's environment names `lakehouse`, as Dagster's resource and the command line read it."""
    for name, value in environment_of(lakehouse).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A Maven repository that what is downloaded in this test comes from."""
    (tmp_path / "repository").mkdir()
    with mirror(tmp_path / "repository") as served:
        monkeypatch.setenv(MIRROR, served.url)
        yield served


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that nobody else has, in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def daemon(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> Daemon:
    """The sensor of `lakehouse` and what launches its runs, tick by tick."""
    return Daemon(lakehouse, instance)


@pytest.fixture
def heard(lakehouse: Lakehouse) -> Heard:
    """What the topic of `lakehouse` has told since the last call."""
    return subscribed(lakehouse)


def own_settings(home: Path, **changed: object) -> Settings:
    name = uuid4().hex[:16]
    named = {
        "bucket": f"lakehouse-{name}",
        "database": f"lakehouse_{name}",
        "workgroup": f"lakehouse-{name}",
        "queue": f"queue-{name}",
        "topic": f"topic-{name}",
    }
    return Settings(home=home, **(named | changed))  # type: ignore[arg-type]
