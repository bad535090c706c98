"""The time from the end of an upload to the end of the batch that it starts: the April data is uploaded to a running
lakehouse with default settings.

The seconds, from Dagster's own records: the wait for the sensor (below 0 if the run was requested before `lakehouse
put` had ended), the start (Dagster's plan of the run, its queue, a process, imports), and each part of the batch; and
the CPU seconds of all processes of the home from the end of the upload to the end of the run. Skipped if the data is
absent.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.april import DATA, LAKEHOUSE
from benchmarks.measure import cpu_seconds_of_all, keep, median, run_python

TIMES = 3
SECONDS_TO_WAIT = 300
PARTS = {
    "convert_uploads": "convert",
    "landing__batch": "freeze",
    "published__archive": "archive",
    "refresh_catalog": "catalog",
    "athena_checks": "checks",
    "published__load_report": "report",
}
"""Names of the parts, by Dagster's step. The loads of all datasets are one part."""
BESIDE = ("CPU", "load average")
UNTIL_THE_TABLES = ("wait for the sensor", "start", "convert", "freeze", "load")


def main() -> None:
    if not DATA.exists():
        print(f"The real data is not at {DATA}: this benchmark is skipped.")
        return
    taken = [one_batch() for _ in range(TIMES)]
    keep(
        "event_to_table",
        {
            "seconds": {part: median([batch[part] for batch in taken]) for part in taken[0] if part not in BESIDE},
            "until the tables answer": [round(sum(batch[part] for part in UNTIL_THE_TABLES), 2) for batch in taken],
            "all": [batch["all"] for batch in taken],
            "CPU seconds": [batch["CPU"] for batch in taken],
            "load average": [batch["load average"] for batch in taken],
        },
    )


def one_batch() -> dict[str, float]:
    """Runs one batch in a fresh home. Returns the seconds of each part, and of all, the CPU seconds, and the machine's
    load average at the end.
    """
    with tempfile.TemporaryDirectory() as home, _up(home):
        subprocess.run([LAKEHOUSE, "put", str(DATA)], stdout=subprocess.DEVNULL, env=_environment(home), check=True)
        put_at, used = time.time(), cpu_seconds_of_all(f"LAKEHOUSE_HOME={home}")
        seconds = run_python("-m", "benchmarks.event_to_table", home, str(put_at)).printed
        used = cpu_seconds_of_all(f"LAKEHOUSE_HOME={home}") - used
        return seconds | {"CPU": round(used, 1), "load average": round(os.getloadavg()[0], 1)}


@contextmanager
def _up(home: str) -> Iterator[None]:
    process = subprocess.Popen(
        [LAKEHOUSE, "up"], stdout=subprocess.PIPE, env=_environment(home) | {"PYTHONUNBUFFERED": "1"}, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        yield
    finally:
        process.send_signal(signal.SIGTERM)  # a process that began in the background ignores SIGINT
        process.wait()


def _environment(home: str) -> dict[str, str]:
    return os.environ | {"LAKEHOUSE_HOME": home}


def split(home: Path, put_at: float) -> dict[str, float]:
    """Waits for the run's end. Returns the seconds of each part. `put_at`: the end of the upload, in seconds since
    1970.
    """
    import dagster as dg

    from lakehouse_assets.local.dagster_home import dagster_home

    with dg.DagsterInstance.from_config(str(dagster_home(home))) as instance:
        deadline = time.time() + SECONDS_TO_WAIT
        while not (ended := instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1)):
            if time.time() > deadline:
                raise TimeoutError("The batch has not ended.")
            time.sleep(0.2)
        [record] = ended
        steps = instance.get_run_step_stats(record.dagster_run.run_id)
        asked_at, end = record.create_timestamp.timestamp(), record.end_time or 0
    begun = min(step.start_time or 0 for step in steps)
    seconds: dict[str, float] = {"wait for the sensor": asked_at - put_at, "start": begun - asked_at}
    for step in sorted(steps, key=lambda step: step.start_time or 0):
        part = PARTS.get(step.step_key, "load")
        seconds[part] = seconds.get(part, 0) + (step.end_time or 0) - (step.start_time or 0)
    seconds["between the steps, and the end"] = end - put_at - sum(seconds.values())
    return {part: round(taken, 2) for part, taken in (seconds | {"all": end - put_at}).items()}


if __name__ == "__main__":
    print(json.dumps(split(Path(sys.argv[1]), float(sys.argv[2])))) if len(sys.argv) > 1 else main()
