"""Estimates Glue's times and costs from the measurements: `python -m benchmarks.glue_on_paper` after big_batch,
spark_batch, crossover.

Prints Markdown and writes it to results/glue_on_paper.md. Nothing here ran on Glue. benchmarks/README.md has the
assumptions.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import RESULTS

DPU_HOUR = 0.44
CORES_A_WORKER = 4
START_SECONDS = 45
LEAST_BILLED_SECONDS = 60
WORKERS = (2, 10, 50)
USUAL_WORKERS = 10
BATCHES_GB = (0.3, 3, 30, 300)
SCRATCH_A_BYTE = 3.0
"""Bytes of a machine's disk for each byte of CSV: the file itself, the typed rows, and spilled data."""


@dataclass(frozen=True)
class Machine:
    """A machine for the embedded engine. `most_seconds`: the longest run; `least_seconds`: the least that is billed;
    `start_seconds`: until the engine starts.
    """

    name: str
    dollars_an_hour: float
    cores: float
    disk_gb: float = math.inf
    most_seconds: float = math.inf
    least_seconds: float = 0
    start_seconds: float = 0


MACHINES = (
    Machine("EC2 m7i.large", 0.1008, 2, least_seconds=60),
    Machine(
        "Fargate, 2 vCPU, 8 GB",
        2 * 0.04048 + 8 * 0.004445 + 180 * 0.000111,
        2,
        disk_gb=200,
        least_seconds=60,
        start_seconds=30,
    ),
    Machine(
        "Lambda, 3,538 MB (2 vCPU)",
        3538 / 1024 * 0.0000166667 * 3600 + 9.5 * 0.0000000309 * 3600,
        2,
        disk_gb=10,
        most_seconds=900,
    ),
)


@dataclass(frozen=True)
class Speed:
    """The measured speed for one kind of batch: seconds before the first byte, and GB per second and core."""

    fixed_seconds: float
    gb_a_core_second: float


def speed(
    measured: dict[str, Any], great_seconds: float, small_seconds: float, start_seconds: float, gb: float
) -> Speed:
    """The speed from a large load (`great_seconds`, `gb`) and one with few rows (`small_seconds`), whose time is that
    of code that runs for the first time.
    """
    return Speed(start_seconds + small_seconds, gb / (great_seconds - small_seconds) / measured["machine"]["cores"])


def glue(gb: float, workers: int, speed: Speed) -> tuple[float, float]:
    """Seconds from the request of a run to its end, and dollars. One worker is the driver and reads nothing."""
    ran = speed.fixed_seconds + gb / (speed.gb_a_core_second * CORES_A_WORKER * (workers - 1))
    return START_SECONDS + ran, max(START_SECONDS + ran, LEAST_BILLED_SECONDS) / 3600 * workers * DPU_HOUR


def embedded(gb: float, machine: Machine, speed: Speed) -> tuple[float, float] | None:
    """Seconds and dollars; None if the batch does not fit on the machine or takes longer than it may run."""
    seconds = machine.start_seconds + speed.fixed_seconds + gb / (speed.gb_a_core_second * machine.cores)
    if gb * SCRATCH_A_BYTE > machine.disk_gb or seconds > machine.most_seconds:
        return None
    return seconds, max(seconds, machine.least_seconds) / 3600 * machine.dollars_an_hour


def crossing_gb(workers: int, spark: Speed, one_machine: Speed, machine: Machine) -> float | None:
    """The GB from which on Glue finishes before one machine; None if it never does."""
    saved = 1 / (one_machine.gb_a_core_second * machine.cores) - 1 / (
        spark.gb_a_core_second * CORES_A_WORKER * (workers - 1)
    )
    return (
        (START_SECONDS + spark.fixed_seconds - machine.start_seconds - one_machine.fixed_seconds) / saved
        if saved > 0
        else None
    )


def table(spark: Speed, one_machine: Speed) -> str:
    """A Markdown table with a row for each machine or number of workers, and a column for each size of batch: time,
    DPU-hours (of Glue), dollars.
    """
    lines = [
        f"| | {' | '.join(f'{gb:g} GB' for gb in BATCHES_GB)} | Glue is done sooner from |",
        "| --- |" + " --- |" * (len(BATCHES_GB) + 1),
    ]
    for machine in MACHINES:
        cells = [
            f"{_time(took[0])}, ${took[1]:.4f}" if (took := embedded(gb, machine, one_machine)) else "does not fit"
            for gb in BATCHES_GB
        ]
        lines.append(f"| embedded: {machine.name} | {' | '.join(cells)} | |")
    for workers in WORKERS:
        runs = [glue(gb, workers, spark) for gb in BATCHES_GB]
        crossing = crossing_gb(workers, spark, one_machine, MACHINES[0])
        cells = [f"{_time(seconds)}, {dollars / DPU_HOUR:.2f} DPU-hours, ${dollars:.2f}" for seconds, dollars in runs]
        lines.append(
            f"| Glue: {workers} G.1X | {' | '.join(cells)} | {f'{crossing:.1f} GB' if crossing else 'never'} |"
        )
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )


def _kept(name: str) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return kept


def main() -> None:
    by_spark, by_embedded, by_rows = _kept("spark_batch"), _kept("big_batch"), _kept("crossover")
    gb = by_spark["csv_mb"] / 1000
    small = min(by_rows["first_loads"].items(), key=lambda load: int(load[0]))[1]
    said = []
    for kind, title in (("first", "A first load"), ("second", "A batch that corrects a tenth and repeats the rest")):
        ours = by_spark[kind]["ours"]
        spark = speed(by_spark, ours["seconds"], small["spark"]["seconds"], ours["start_seconds"], gb)
        embedded_gb = gb * by_embedded["rows"] / by_spark["rows"]
        one_machine = speed(
            by_embedded, by_embedded[kind]["seconds"], small["embedded"]["process_seconds"], 0, embedded_gb
        )
        said.append(
            f"### {title}\n\n{table(spark, one_machine)}\n\n{_measured('Spark', spark)}"
            f" {_measured('The embedded engine', one_machine)}"
        )
        crossing = crossing_gb(USUAL_WORKERS, spark, one_machine, MACHINES[0])
        bytes_said = (
            f"`LAKEHOUSE_AUTO_BYTES={float(f'{crossing:.1g}') * 1e9:.0f}`"
            if crossing
            else "no `auto`: they are never done sooner"
        )
        said.append(f"By time, {USUAL_WORKERS} workers make it {bytes_said}.\n")
    text = "\n\n".join(said)
    (RESULTS / "glue_on_paper.md").write_text(text, "utf-8")
    print(text)


def _measured(engine: str, speed: Speed) -> str:
    return (
        f"{engine}, as measured: {speed.fixed_seconds:.1f} s before any row, then {speed.gb_a_core_second * 1000:.2f}"
        " MB a second and core."
    )


if __name__ == "__main__":
    main()
