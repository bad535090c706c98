"""The one job: a batch from uploads to the load report. The UI, the sensor and `lakehouse load` all run it."""

import dagster as dg

LOAD_BATCH = "load_batch"
POOL = "lakehouse"
"""Every step that takes the lease is in this pool, whatever run it is in: with dagster.yaml's limit of 1 such runs wait
in Dagster's queue for each other, as they would for the lease, but hold no process. So each Glue job has one run at a
time, too: its MaxConcurrentRuns."""

RETRIES = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Of a step that met an outage: of AWS, or of what a Glue run needs. Whatever else fails a step says itself that a
retry heals nothing (`assets.steps`).
"""

STARTED_BY_TAG = "lakehouse/started_by"
"""Of the runs of `lakehouse load`, in whose process they are."""

STATUS_TAG = "lakehouse/status"
"""Of a run that wrote a batch's report: what the report says, as the UI's list of runs can be asked for it."""

ONLY_IF_KILLED = {"dagster/retry_on_asset_or_op_failure": "false"}
"""Tags of a run. Where an instance tries runs again, it does so by default also where a step failed (`RetryPolicy` has
tried that before), bad data included. A run whose process died is tried again all the same."""

load_batch = dg.define_asset_job(
    LOAD_BATCH,
    selection=dg.AssetSelection.all(),
    description="Takes what waits through to the load report; nothing waits: does nothing.",
    tags=ONLY_IF_KILLED,
    op_retry_policy=RETRIES,
)


BATCH_TAG = "lakehouse/batch"
"""By it the runs of a batch are found in Dagster's list of runs."""
SENSOR_TAG = "dagster/sensor_name"
