"""The job that loads a batch, from uploads to the load report. The UI, the sensor and `lakehouse load` run it."""

import dagster as dg

LOAD_BATCH = "load_batch"
POOL = "lakehouse"
"""The pool of all steps that take the lease. dagster.yaml limits it to 1, so that runs wait for each other in Dagster's
queue: waiting for the lease would occupy a process. So there is also only one Glue run per job at a time, which is the
jobs' MaxConcurrentRuns.
"""

RETRIES = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""For steps that failed because of an outage. Other failures do not allow retries (`assets.steps`)."""

STARTED_BY_TAG = "lakehouse/started_by"
"""Tag of runs of `lakehouse load`, which run in its own process."""

STATUS_TAG = "lakehouse/status"
"""Tag of a run that wrote a batch's report: the report's status, by which the UI's list of runs can be filtered."""

REASON_TAG = "lakehouse/failed_because"
"""Tag of a run that recorded a batch's failure. Dagster's log of a failed run ends with errors of the steps behind the
failed one; the tag is at the top of the run's page.
"""

ONLY_IF_KILLED = {"dagster/retry_on_asset_or_op_failure": "false"}
"""Tags of a run. An instance with run retries by default also retries runs in which a step failed, even because of bad
data; RETRIES has retried such steps before. With this tag only runs whose process died are retried.
"""

NO_RETRIES = {"dagster/max_retries": "0"}
"""Tags of a run that Dagster's daemon must not retry."""

load_batch = dg.define_asset_job(
    LOAD_BATCH,
    selection=dg.AssetSelection.all(),
    description=(
        "Loads the pending files as one batch: converts workbooks, freezes the list of files, loads each table,"
        " archives the files, refreshes the catalog, checks the tables with Athena, writes and publishes the load"
        " report. An interrupted or failed batch is resumed. The job does nothing if no files are waiting, or if the"
        " gate (LAKEHOUSE_GATE) also asks for files of other datasets; the run's tag `lakehouse/status` and its log say"
        " which. The run config `ops: {landing__batch: {config: {gate: any}}}` loads what is there."
    ),
    tags=ONLY_IF_KILLED,
    op_retry_policy=RETRIES,
)


BATCH_TAG = "lakehouse/batch"
"""Tag with the batch's id, by which the UI's list of runs can be filtered."""
SENSOR_TAG = "dagster/sensor_name"
