"""The embedded AWS: an AWS on this machine, for a lakehouse without an account. It is ministack (an emulator in one
process), with the gaps filled that this project needs.

**Use it** by `embedded_aws.process`, the only module that other packages import::

    with embedded_aws(home) as aws:                 # starts the server of this home, or joins the one that runs
        os.environ.update(aws.environment())        # boto3, delta-rs and every AWS SDK now use it

`running(home)` returns the server that runs, without starting one; `on_death(listener)` reports a server that died.
The server is a process (`python -m lakehouse_assets.embedded_aws FOLDER`) on a free port of 127.0.0.1. It answers only
requests that are signed with the secret of its home, and keeps all data in `<home>/aws`. It stops with its last user.

**Inside**, each gap is a module that names the gap, fills it by patching ministack (`patching`), and has a test of the
same name: `s3`, `athena`, `glue`, `step_functions` by service; `state` for what survives a restart or a crash;
`signatures`, `browsers` and `credentials` for who may use it; `server` puts them together.

**It does not know the lakehouse**: it is driven by the AWS API alone (stacks, lifecycle rules, job arguments). It
imports `aws.environment` (hide the user's real AWS), `aws.delta_entry` (what a Glue crawler writes for a Delta table),
`errors`, `locks`, and, for a Glue job that asks for Spark, `local.spark.platform`, because Glue provides Spark.

**What it does not reproduce.** Do not conclude anything about these from a test on the embedded AWS:

- Athena answers one SELECT over tables: no SHOW, DESCRIBE, views, DDL, CTAS, UNLOAD, information_schema, time travel.
  DuckDB runs the SQL, which is Trino's; the answers are compared with Trino 476 (`lakehouse_assets_tests/trino`).
  Functions that are not in `athena/vocabulary.py` are rejected, and so are operations whose types cannot be determined,
  although Athena may answer them: JSON, intervals, rows, timestamps with a time zone of their own, doubles as text,
  comparisons of arrays, maps or NaN.
- Delta tables that need more than reader version 1 are rejected. Today's Athena reads column mapping and timestampNtz.
- A query over Delta tables has 2 GiB of memory and a result of at most 512 MiB. It ends a minute after the last request
  for its state.
- DataScannedInBytes is the size of all live files of the tables. Athena reads only some columns and partitions.
- One key, that of the home, may do everything: no roles, no STS credentials, no unsigned requests, no Signature
  Version 2.
- Step Functions: waits and pauses between retries take a twentieth of their time. A time-out or a stop does not end the
  job or query that a state waits for. No time-out of a whole execution, no permissions of its role.
- S3 carries out lifecycle rules about old versions only, and those of one day after an hour (`s3/expiry.py`). DynamoDB
  has no time to live.
- A Glue run uses this machine as its workers and starts at once: no worker sizes, no queue, no bookmarks.
- Some histories are not cut: executions of Step Functions, log messages. Athena keeps its last 100 queries until the
  server stops; Glue keeps the last 100 runs of a job.
"""
