"""The CPU seconds that the tests' own plugin counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import subprocess, sys, time

BURN = "import time\\nwhile time.process_time() < 0.6: pass"

def test_at_rest():
    time.sleep(0.5)

def test_by_a_process_that_ended():
    subprocess.run([sys.executable, "-c", BURN], check=True)

def test_by_a_process_that_goes_on():
    started.append(subprocess.Popen([sys.executable, "-c", BURN + "\\nprint(flush=True)\\ninput()"], stdin=-1, stdout=-1))
    started[0].stdout.readline()

def test_after_it():
    started[0].communicate(b"\\n")

started = []
"""


CONFTEST = """
from lakehouse_assets_tests.cpu import measure_cpu as pytest_configure
"""
ELSEWHERE = """
from pathlib import Path
from lakehouse_assets_tests import cpu
cpu.PROC = Path("nowhere")
"""


def test_a_test_is_charged_for_the_processes_that_it_starts(tmp_path: Path) -> None:
    printed = _run(tmp_path, CONFTEST, "-n1")

    measured: dict[str, float] = json.loads((tmp_path / ".pytest_cache/v/cpu").read_text())
    assert {name.partition("::test_")[2] for name, seconds in measured.items() if seconds >= 0.4} == {
        "by_a_process_that_ended",
        "by_a_process_that_goes_on",
    }
    assert len(measured) == 4
    first, *_ = printed.partition(" CPU: ")[2].splitlines()[1:]
    assert first.split()[1] == "test_it.py"


def test_without_proc_nothing_is_measured(tmp_path: Path) -> None:
    printed = _run(tmp_path, ELSEWHERE + CONFTEST, "-n0")

    assert "CPU" not in printed
    assert not (tmp_path / ".pytest_cache/v/cpu").exists()


def _run(folder: Path, conftest: str, *options: str) -> str:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "conftest.py").write_text(conftest)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir=.", *options],
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
