"""CPU seconds of each test, with those of the processes that it starts: the run's end lists the highest, and
`.pytest_cache/v/cpu` keeps each test's last.

Machines differ and share their cores, so CPU seconds are compared, not wall time. The work of a process that several
tests share (an embedded AWS, a JVM) counts for the test that ran meanwhile, and what starts such a process counts for
the first. Without Linux's `/proc` nothing is measured.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

SHOWN = 25
MEASURED = "cpu_seconds"
PROC = Path("/proc")


def measure_cpu(config: pytest.Config) -> None:
    """Registers the plugin with a run of pytest."""
    if (PROC / "self/stat").exists():
        config.pluginmanager.register(CpuOfTests(config), "cpu-of-tests")


class CpuOfTests:
    """Where tests run (the process itself, or pytest-xdist's workers) it measures; where they are reported it sums."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.before = 0.0
        self.seconds: dict[str, float] = {}

    def pytest_collection_finish(self) -> None:
        self.before = family_seconds()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "teardown":  # the last of a test's three reports, whatever the others say
            now = family_seconds()
            report.user_properties.append((MEASURED, now - self.before))
            self.before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, seconds in report.user_properties:
            if name == MEASURED and isinstance(seconds, float):
                self.seconds[report.nodeid] = seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        files: dict[str, float] = {}
        for test, seconds in self.seconds.items():
            file = test.partition("::")[0]
            files[file] = files.get(file, 0.0) + seconds
        terminalreporter.section(f"CPU: {sum(self.seconds.values()):,.0f} seconds in tests")
        for name, seconds in [*highest(files)[:SHOWN], *highest(self.seconds)[:SHOWN]]:
            terminalreporter.write_line(f"{seconds:8.1f}  {name}")
        if getattr(self.config, "cache", None):
            former: dict[str, float] = self.config.cache.get("cpu", {})
            self.config.cache.set("cpu", former | {test: round(seconds, 2) for test, seconds in self.seconds.items()})


def highest(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda of: -of[1])


def family_seconds() -> float:
    """CPU seconds of this process and its descendants, with those that ended (their parents know)."""
    children: dict[str, list[str]] = {}
    ticks: dict[str, int] = {}
    for pid in filter(str.isdigit, os.listdir(PROC)):  # noqa: PTH208
        try:
            # proc(5), behind the command's name: state, parent, ..., utime, stime, cutime, cstime at 11 to 14.
            fields = (PROC / pid / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(fields[1], []).append(pid)
        ticks[pid] = sum(map(int, fields[11:15]))

    def family(pid: str) -> Iterator[str]:
        yield pid
        for child in children.get(pid, ()):
            yield from family(child)

    return sum(ticks.get(pid, 0) for pid in family(str(os.getpid()))) / os.sysconf("SC_CLK_TCK")
