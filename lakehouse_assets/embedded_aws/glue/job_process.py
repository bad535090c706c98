"""One run of a Glue job as a process: prepares, starts, waits for and stops it, and writes its output to a log file.
Independent of Glue's API.
"""

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_TO_END_AFTER_SIGTERM = 10.0
ERROR_CHARACTERS_SHOWN = 1500
TRACEBACK = "Traceback (most recent call last):"
IMPORT_ERRORS = ("ImportError", "ModuleNotFoundError")

Prepare = Callable[[Path, Callable[[str], None]], Mapping[str, str]]
"""Puts what the script needs into the folder (first argument), may write lines to the log (second argument), and
returns the script's environment.
"""


class LaunchError(Exception):
    """Something that the script needs is missing, so it is not started."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a final JobRunState of Glue, and the error message."""

    state: str
    error: str = ""


class JobProcess:
    """A script that runs with its arguments in a temporary folder of its own. `script`: its source, None if it does not
    exist. `command`: the command line before the script. `log`: the file for its output.
    """

    def __init__(
        self,
        script: bytes | None,
        location: str,
        arguments: Sequence[str],
        command: Sequence[str],
        log: Path,
        prepare: Prepare,
    ) -> None:
        self._script = script
        self._location = location
        self._arguments = arguments
        self._command = command
        self._log = log
        self._prepare = prepare
        self._stop_requested = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def run(self, seconds: float) -> Outcome:
        """Runs the script to its end, for at most this many seconds."""
        if self._script is None:
            return Outcome("FAILED", f"There is no script at {self._location or '(no location given)'}")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        with tempfile.TemporaryDirectory(prefix="glue-") as folder:
            script = Path(folder) / Path(self._location).name
            script.write_bytes(self._script)
            try:
                environment = self._prepare(Path(folder), self._say)
            except LaunchError as error:
                self._say(str(error))
                return Outcome("FAILED", f"LAUNCH ERROR | {error}{self._whole_log()}")
            with self._starting:
                if self._stop_requested.is_set():
                    return Outcome("STOPPED")
                try:
                    self._process = self._start(script, environment)
                except OSError as error:
                    return Outcome("FAILED", f"LAUNCH ERROR | {self._command[0]} could not be started: {error}")
            try:
                exit_code = self._process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                self._end(self._process)
                return Outcome(
                    "TIMEOUT", f"Job run exceeded its time-out of {seconds / 60:g} minutes{self._whole_log()}"
                )
        if self._stop_requested.is_set():
            return Outcome("STOPPED")
        if exit_code == 0:
            return Outcome("SUCCEEDED")
        why = (
            error_in(self._log.read_text(errors="replace"), script.name) or f"Command failed with exit code {exit_code}"
        )
        return Outcome("FAILED", f"{why}{self._whole_log()}")

    def stop(self) -> None:
        """Ends the script, or prevents its start. Returns when it is gone."""
        self._stop_requested.set()
        with self._starting:
            process = self._process
        if process is not None:
            self._end(process)

    def _start(self, script: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [*self._command, str(script), *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=script.parent,
                env=dict(environment),
                # A process group of its own, so that everything that the script starts ends with it.
                start_new_session=True,
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(timeout=SECONDS_TO_END_AFTER_SIGTERM)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def _say(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as output:
            output.write(f"[embedded Glue] {text}\n")

    def _whole_log(self) -> str:
        return f"\n(the whole log: {self._log})"


def error_in(log: str, script: str) -> str | None:
    """Glue's error message for the last exception in a log: category, line of the script, class without its module,
    message. None if the log has no traceback. `script`: the script's file name.
    """
    raised = exception_in(log)
    if raised is None:
        return None
    name, message = raised
    category = "IMPORT_ERROR" if name in IMPORT_ERRORS else "UNCLASSIFIED_ERROR"
    line = re.search(rf'File "[^"]*{re.escape(script)}", line (\d+)', log.rpartition(TRACEBACK)[2])
    where = f" Failed Line Number: {line[1]};" if line else ""
    return f"Error Category: {category};{where} {name}{message}"[:ERROR_CHARACTERS_SHOWN]


def exception_in(log: str) -> tuple[str, str] | None:
    """The last exception in a log: its class without the module, and the rest of the message. None if the log has no
    traceback.
    """
    _, found, last = log.rpartition(TRACEBACK)
    raised = re.match(r"(?:\w+\.)*(\w+)(.*)", _exception(last), re.DOTALL)
    return (raised[1], raised[2]) if found and raised else None


def _exception(traceback: str) -> str:
    """The part of a traceback after its indented frames."""
    lines = traceback.strip("\n").splitlines()
    first = next((number for number, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return "\n".join(lines[first:])


def _signal_group(process: subprocess.Popen[bytes], signal_number: int) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            return
