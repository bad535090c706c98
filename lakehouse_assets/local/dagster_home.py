"""Dagster's instance of one home: its runs, events and assets live under LAKEHOUSE_HOME. Two homes share nothing."""

from __future__ import annotations

from pathlib import Path

INSTANCE = """\
# Written by lakehouse when it is not there; change it as you like.
telemetry:
  enabled: false  # a laptop's data stays on the laptop
nux:
  enabled: false  # no newsletter dialog over the graph
concurrency:
  pools:
    granularity: run  # a run is in the queue or it runs: half a batch that waits would hold the lease
    # The pool `lakehouse`. A second batch would wait for the lease; in the queue it holds no process. Glue's jobs take
    # one run at a time, too.
    default_limit: 1
run_monitoring:
  enabled: true  # a run whose process died is marked as failed, and so told of
run_retries:
  enabled: true  # of a run whose process died: the next one goes on where its batch was
  max_retries: 2  # what kills three processes is for a person
  retry_on_asset_or_op_failure: false  # a step says itself what a retry can heal; bad data never
freshness:
  enabled: true  # tables without news are marked stale
"""


WORKSPACE = """\
# Written by lakehouse. The location has the same name wherever it is served, so that its sensors keep their cursors.
load_from:
  - python_module:
      module_name: lakehouse_assets.definitions
      location_name: lakehouse_assets
"""


def dagster_home(home: Path) -> Path:
    """The folder for DAGSTER_HOME, with a dagster.yaml in it."""
    folder = (home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists():
        settings.write_text(INSTANCE, "utf-8")
    return folder


def workspace(home: Path) -> Path:
    """The file that says what Dagster serves."""
    file = dagster_home(home) / "workspace.yaml"
    file.write_text(WORKSPACE, "utf-8")
    return file
