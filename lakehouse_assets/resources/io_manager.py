"""How one step hands the batch's id to the next: through Dagster's local storage on a laptop, through the bucket where
steps may run on different machines.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from lakehouse_assets.landing.zone import DAGSTER
from lakehouse_assets.settings import Settings


def handover(settings: Settings) -> dg.ConfigurableIOManagerFactory[Any]:
    """The IO manager for these settings. The id is all that goes through it: tables and files are where the manifest
    says.
    """
    if settings.aws == "embedded":
        return dg.FilesystemIOManager()
    from dagster_aws.s3 import S3PickleIOManager, S3Resource

    return S3PickleIOManager(
        s3_resource=S3Resource(), s3_bucket=settings.bucket, s3_prefix=f"{settings.control_prefix}{DAGSTER}".rstrip("/")
    )
