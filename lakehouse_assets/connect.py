"""Connects a lakehouse to the AWS of the settings. Starts an embedded AWS if none is running."""

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


@contextmanager
def connected(
    settings: Settings, spark_session: Callable[[Path], SparkSession] = local_session, holder: str = "lakehouse"
) -> Iterator[Lakehouse]:
    """The lakehouse of these settings. Uses the embedded AWS that is running for this home, or starts one and stops it
    at the end.

    `spark_session`: makes the session of the engine `spark`, from the folder for its spilled data. `holder`: the name
    of the lease's holder; a lease that was taken is released at the end.

    Raises BadConfiguration if variables of the environment would divide a lakehouse in an account between two S3s.
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
    """Releases the lease at the end, if it was taken."""
    try:
        yield lakehouse
    finally:
        if "lease" in vars(lakehouse):
            lakehouse.lease.release()
