"""Dagster's home of one LAKEHOUSE_HOME: its configuration, and its runs, events and assets. Two homes share nothing."""

from __future__ import annotations

from pathlib import Path

INSTANCE = """\
# Written by lakehouse if missing. You may change it.
telemetry:
  enabled: false  # nothing is sent to Dagster
nux:
  enabled: false  # no newsletter dialog over the graph
concurrency:
  pools:
    granularity: run  # a whole run waits, or none of it: a half-finished batch in the queue would hold the lease
    # The pool `lakehouse`. A second batch would have to wait for the lease anyway; in the queue it needs no process.
    # Glue's jobs allow one run at a time, too.
    default_limit: 1
run_launcher:
  module: lakehouse_assets.server.launcher
  class: MonitoredRunLauncher  # a run whose process died together with its code server is noticed as well
run_queue:
  dequeue_interval_seconds: 1  # how long a requested run waits at most before it is launched; Dagster's default is 5
sensors:
  use_threads: true  # the sensor for landed files polls for seconds, and the others must not wait for it
  num_workers: 3
run_monitoring:
  enabled: true  # a run whose process died is marked as failed, so that it is reported
  poll_interval_seconds: 20  # until then the dead run occupies the pool; Dagster's default is 120
run_retries:
  enabled: true  # for a run whose process died: the next run resumes its batch
  max_retries: 2  # after three dead processes a person has to look
  retry_on_asset_or_op_failure: false  # steps request retries for outages themselves; bad data stays bad
freshness:
  enabled: true  # tables without recent updates are marked as stale
retention:
  sensor:
    purge_after_days:
      skipped: 1  # the sensors make thousands of ticks a day, and most of them find nothing
      success: 30
      failure: 30
"""


CODE_LOCATION = "lakehouse_assets"
"""The name of the code location. It is the same everywhere, so that its sensors keep their cursors."""
WORKSPACE = f"""\
# Written by lakehouse.
load_from:
  - python_module:
      module_name: lakehouse_assets.definitions
      location_name: {CODE_LOCATION}
"""


def dagster_home(home: Path) -> Path:
    """The folder for DAGSTER_HOME. Creates it, with a dagster.yaml, if missing."""
    folder = (home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(INSTANCE, "utf-8")
    return folder


def workspace(home: Path) -> Path:
    """Writes the workspace file, which names the code location that Dagster serves. Returns its path."""
    file = dagster_home(home) / "workspace.yaml"
    file.write_text(WORKSPACE, "utf-8")
    return file
