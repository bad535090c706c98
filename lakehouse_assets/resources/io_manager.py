"""The IO manager, which passes the batch's id between steps: through Dagster's local storage with the embedded AWS,
through the bucket in an account, because steps may run on different machines.
"""
# Without `from __future__ import annotations`: Dagster reads the annotation of a resource's dependency as an object.

from typing import Any

import dagster as dg

from lakehouse_assets.landing.zone import DAGSTER
from lakehouse_assets.settings import Settings


class BatchIdIOManager(dg.ConfigurableIOManager):
    """Passes the id of the batch from the asset that froze it to the steps behind it. The data is in the bucket.

    A step that is materialized alone gets the id of the last batch, and an empty one before the first batch.
    """

    storage: dg.ResourceDependency[dg.IOManager]

    def handle_output(self, context: dg.OutputContext, obj: str) -> None:
        self.storage.handle_output(context, obj)

    def load_input(self, context: dg.InputContext) -> str:
        try:
            return str(self.storage.load_input(context))
        except FileNotFoundError:
            return ""


def io_manager_for(settings: Settings) -> BatchIdIOManager:
    """The IO manager for these settings."""
    return BatchIdIOManager(storage=_storage(settings))


def _storage(settings: Settings) -> Any:
    if settings.aws == "embedded":
        return dg.FilesystemIOManager()
    from dagster_aws.s3 import S3PickleIOManager, S3Resource  # noqa: PLC0415 - slow to import, for an account only

    return S3PickleIOManager(
        s3_resource=S3Resource(), s3_bucket=settings.bucket, s3_prefix=f"{settings.control_prefix}{DAGSTER}".rstrip("/")
    )
