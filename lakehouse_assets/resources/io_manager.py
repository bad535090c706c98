"""The IO manager, which passes the batch's id between steps: through Dagster's local storage with the embedded AWS,
through the bucket in an account, because steps may run on different machines.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from lakehouse_assets.landing.zone import DAGSTER
from lakehouse_assets.settings import Settings


def io_manager_for(settings: Settings) -> dg.ConfigurableIOManagerFactory[Any]:
    """The IO manager for these settings. It passes only the batch's id: the data is in the bucket."""
    if settings.aws == "embedded":
        return dg.FilesystemIOManager()
    from dagster_aws.s3 import S3PickleIOManager, S3Resource  # noqa: PLC0415 - slow to import, for an account only

    return S3PickleIOManager(
        s3_resource=S3Resource(), s3_bucket=settings.bucket, s3_prefix=f"{settings.control_prefix}{DAGSTER}".rstrip("/")
    )
