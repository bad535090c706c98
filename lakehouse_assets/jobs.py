"""The one job: a batch from uploads to the load report. The UI, the sensor and `lakehouse load` all run it."""

import dagster as dg

LOAD_BATCH = "load_batch"
POOL = "lakehouse"
"""Every step that takes the lease is in this pool, whatever run it is in: with dagster.yaml's limit of 1 such runs wait in Dagster's queue for each other, as
they would for the lease, but hold no process. So each Glue job has one run at a time, too: its MaxConcurrentRuns."""

load_batch = dg.define_asset_job(
    LOAD_BATCH, selection=dg.AssetSelection.all(), description="Takes what waits through to the load report; nothing waits: does nothing."
)
