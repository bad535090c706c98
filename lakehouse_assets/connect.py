"""Starts or finds the AWS of the settings, and connects a lakehouse to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.environment import refuse_division
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets.local.spark.session import local_session
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def spark_on_this_machine(scratch: Path) -> SparkSession:
    """A Spark session in this process. `scratch`: the folder that it spills to."""
    return local_session(scratch)


@contextmanager
def connected(
    settings: Settings, spark_session: Callable[[Path], SparkSession] = spark_on_this_machine, holder: str = "lakehouse"
) -> Iterator[Lakehouse]:
    """The lakehouse of these settings. With the embedded AWS: the one that runs for this home, or one started here and
    stopped at the end.

    Raises BadConfiguration where the environment would lead the parts of a lakehouse in an account to different places.

    `spark_session` gives the engine `spark` its session, by a folder for what it spills. `holder`: who takes the lease,
    if it is taken; it is given back at the end.
    """
    if settings.aws == "account":
        refuse_division()
        with _leased(Lakehouse(settings, Aws(), spark_session, holder)) as lakehouse:
            yield lakehouse
        return
    with embedded_aws(settings.home) as embedded:
        aws = Aws(embedded.environment())
        bootstrap(settings, aws)
        with _leased(Lakehouse(settings, aws, spark_session, holder)) as lakehouse:
            yield lakehouse


@contextmanager
def _leased(lakehouse: Lakehouse) -> Iterator[Lakehouse]:
    """What it takes of the lease is given back at the end."""
    try:
        yield lakehouse
    finally:
        if "lease" in vars(lakehouse):
            lakehouse.lease.release()
