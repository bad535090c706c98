"""Runs a command in a process of its own and measures it. Figures are medians of several runs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Run:
    """`seconds`: of the whole process. `printed`: the JSON object that it printed."""

    seconds: float
    printed: dict[str, Any]


def run_python(*arguments: str) -> Run:
    """Runs this Python with these arguments. Raises CalledProcessError if it fails."""
    return run(sys.executable, *arguments)


def run(*command: str, environment: dict[str, str] | None = None) -> Run:
    """Runs a command that prints a JSON object. Raises CalledProcessError if it fails."""
    start = time.perf_counter()
    output = subprocess.run(
        command, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}, text=True, check=True
    ).stdout
    return Run(time.perf_counter() - start, json.loads(output))


def median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def io_bytes(process: str = "self") -> tuple[int, int]:
    """Bytes that a process (this one, or another by its id) has read and written so far, through system calls
    (Linux).
    """
    counters = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
    return int(counters["rchar"]), int(counters["wchar"])


def peak_mb(process: str = "self") -> int:
    """A process's own peak memory so far, in MiB. (wait4 in the parent would include the parent's memory at the
    fork.)
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def cpu_seconds(process: str) -> float:
    """CPU time that a process, by its id, has used so far (Linux)."""
    user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return round((int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), 1)


def cpu_seconds_of_all(variable: str) -> float:
    """CPU time that all processes with this variable (NAME=value) in their environment have used so far, with their
    children that have ended (Linux).
    """
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                ticks += sum(int(used) for used in (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:15])
        except OSError:  # it has ended meanwhile, or belongs to someone else
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, Any]:
    model = next(
        (
            line.split(": ")[1]
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024 // 1024
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": memory,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def keep(name: str, figures: dict[str, Any]) -> None:
    """Writes the figures, with this machine's description, to results/<name>.json, and prints them."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n", "utf-8")
    print(json.dumps({name: figures}, indent=1))
