"""CPU seconds of each test and of the processes that it starts. Printed after a run, and kept in `.pytest_cache/v/cpu`.

Machines differ by two and are shared, so CPU seconds are compared, not wall time. The work of a process that tests share
(an embedded AWS, a JVM) counts for the test that runs meanwhile. From Linux's /proc; elsewhere nothing is measured.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

import pytest

PROPERTY = "cpu_seconds"
SHOWN = 25
PROC = Path("/proc")


def seconds_of_family() -> float:
    """CPU seconds of this process and its descendants so far, those that have ended included.

    proc(5): the fields of `stat` behind the command's name in parentheses are state, parent, ..., utime, stime, cutime, cstime.
    """
    children: dict[str, list[str]] = defaultdict(list)
    ticks: dict[str, int] = {}
    for process in PROC.iterdir():
        if process.name.isdigit():
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            children[fields[1]].append(process.name)
            ticks[process.name] = sum(map(int, fields[11:15]))

    def family(process: str) -> Iterator[str]:
        yield process
        for child in children[process]:
            yield from family(child)

    return sum(ticks[process] for process in family(str(os.getpid()))) / os.sysconf("SC_CLK_TCK")


class CpuPerTest:
    """The plugin. With pytest-xdist a worker measures, and what it found travels to the controller in its reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache = config.cache
        self._before = 0.0
        self._seconds: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        self._before = seconds_of_family()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = seconds_of_family()
        report.user_properties = [*report.user_properties, (PROPERTY, now - self._before)]
        self._before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, float):
                self._seconds[report.nodeid.partition("@")[0]] += value

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        in_tests = sum(self._seconds.values())
        terminalreporter.section(f"CPU seconds: {seconds_of_family():,.0f}, of which {in_tests:,.0f} in tests")
        files: dict[str, float] = defaultdict(float)
        for test, seconds in self._seconds.items():
            files[test.partition("::")[0]] += seconds
        for slowest in (_most(files), _most(self._seconds)):
            for name, seconds in slowest.items():
                terminalreporter.write_line(f"{seconds:8.1f}  {name}")
            terminalreporter.write_line("")
        if self._cache is not None:
            self._cache.set("cpu", dict(self._seconds))


def _most(seconds: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: -item[1])[:SHOWN])


def measure(config: pytest.Config) -> None:
    if (PROC / "self" / "stat").exists():
        config.pluginmanager.register(CpuPerTest(config), "cpu-per-test")
