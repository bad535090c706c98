"""The one job: a batch from uploads to the load report. The UI, the sensor and `lakehouse load` all run it."""

import dagster as dg

LOAD_BATCH = "load_batch"

load_batch = dg.define_asset_job(
    LOAD_BATCH, selection=dg.AssetSelection.all(), description="Takes what waits through to the load report; nothing waits: does nothing."
)
