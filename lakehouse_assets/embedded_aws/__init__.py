"""The embedded AWS: ministack, an AWS emulator in one process, with the gaps filled that this project would fall into.

It runs as a process of its own (`python -m lakehouse_assets.embedded_aws FOLDER`), started by
`lakehouse_assets.embedded_aws.process`. Each gap has its own file and its own contract test; `patching.py` says how
they are let in. Nothing here is imported by any other room.

What it does not reproduce, so that nothing is concluded from it:

- Athena answers one SELECT over tables: no SHOW, DESCRIBE, views, DDL, CTAS, UNLOAD, information_schema, time travel.
  The SQL is Trino's, run by DuckDB, and held against Trino 476 (`lakehouse_assets_tests/trino`). It knows the functions
  of `athena_vocabulary.py`; a query with another one, or with an operation whose types it cannot tell, fails with the
  reason though Athena may answer it: JSON, intervals, rows and timestamps with a zone of their own as values, doubles
  as texts, arrays, maps or NaN compared.
- Delta tables that need more than reader version 1 are refused, though today's Athena reads column mapping and
  timestampNtz.
- A query over Delta tables has 2 GiB of memory, its result 512 MiB; it ends a minute after whoever asked for its state
  asks no more.
- DataScannedInBytes is the size of all live files of the tables; Athena reads only some columns and partitions of them.
- One key, that of the home, may do everything: no roles, no credentials of STS, no unsigned requests, no Signature
  Version 2.
- Step Functions: waits and pauses between tries take a twentieth of their time; a time-out or a stop does not end the
  job or the query that a state waits for; no time-out of the whole execution, no permissions of the role. Of S3's
  lifecycle rules only those about old versions are carried out; DynamoDB has no time to live.
- A Glue run has this machine for its workers, and starts at once: no sizes of workers, no queue, no bookmarks.
- Histories that no one cuts: executions of Step Functions, messages in logs. Athena keeps its last 100 queries, until
  it stops; Glue the last 100 runs of a job.
"""
