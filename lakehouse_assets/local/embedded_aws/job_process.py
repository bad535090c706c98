"""One run of a Glue job as a process: started, waited for, stopped, its output kept in a file. Knows nothing of Glue's API."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_TO_END_AFTER_SIGTERM = 10.0
ERROR_LINES_SHOWN = 12
ERROR_CHARACTERS_SHOWN = 1500


@dataclass(frozen=True)
class Outcome:
    """How a run ended: a final JobRunState of Glue, and what to tell whoever asks why."""

    state: str
    error: str = ""


class JobProcess:
    """A script that runs with its arguments, in a temporary folder of its own."""

    def __init__(self, script: bytes | None, location: str, arguments: Sequence[str], command: Sequence[str], log: Path) -> None:
        self._script = script
        self._location = location
        self._arguments = arguments
        self._command = command
        self._log = log
        self._stop_requested = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()

    def run(self, seconds: float) -> Outcome:
        """Runs the script to its end, for at most this many seconds."""
        if self._script is None:
            return Outcome("FAILED", f"There is no script at {self._location or '(no location given)'}")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="glue-") as folder, self._log.open("wb") as output:
            script = Path(folder) / Path(self._location).name
            script.write_bytes(self._script)
            with self._starting:
                if self._stop_requested.is_set():
                    return Outcome("STOPPED")
                try:
                    self._process = subprocess.Popen(  # noqa: S603 - running a script is what a job is
                        [*self._command, str(script), *self._arguments],
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        cwd=folder,
                        # A group of its own: what the script started ends with it.
                        start_new_session=True,
                    )
                except OSError as error:
                    return Outcome("FAILED", f"{self._command[0]} could not be started: {error}")
            try:
                exit_code = self._process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                self._end(self._process)
                return Outcome("TIMEOUT", f"The run was stopped after its time-out of {seconds / 60:g} minutes; its log: {self._log}")
        if self._stop_requested.is_set():
            return Outcome("STOPPED")
        if exit_code == 0:
            return Outcome("SUCCEEDED")
        return Outcome("FAILED", self._why_it_failed(exit_code))

    def stop(self) -> None:
        """Ends the script, or keeps it from starting. Returns when it is gone."""
        self._stop_requested.set()
        with self._starting:
            process = self._process
        if process is not None:
            self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(timeout=SECONDS_TO_END_AFTER_SIGTERM)
        except subprocess.TimeoutExpired:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def _why_it_failed(self, exit_code: int) -> str:
        lines = self._log.read_text(errors="replace").rstrip().splitlines()
        last_lines = "\n".join(lines[-ERROR_LINES_SHOWN:])[-ERROR_CHARACTERS_SHOWN:]
        return f"{last_lines}\n(exit code {exit_code}; the whole log: {self._log})"


def _signal_group(process: subprocess.Popen[bytes], signal_number: int) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            return
