"""The one job: a batch from uploads to the load report. The UI, the sensor and `lakehouse load` all run it."""

import dagster as dg

LOAD_BATCH = "load_batch"
ONE_AT_A_TIME = {"lakehouse/one_at_a_time": "true"}
"""What dagster.yaml limits: runs with this tag wait in Dagster's queue for each other."""

load_batch = dg.define_asset_job(
    LOAD_BATCH, selection=dg.AssetSelection.all(), tags=ONE_AT_A_TIME, description="Takes what waits through to the load report; nothing waits: does nothing."
)
