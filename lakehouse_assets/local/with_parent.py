"""Runs a module that goes when its starter goes, with all that it started: `python -m
lakehouse_assets.local.with_parent MODULE ARGUMENTS…`.

The starter begins a process group with it and keeps the write end of its standard input, nothing else. When the starter
ends, in whatever way, the end of the file is read here, and the whole group is asked to stop, then killed.
"""

import os
import runpy
import signal
import sys
import threading
import time

SECONDS_TO_STOP = 20.0


def main() -> None:
    module, *arguments = sys.argv[1:]
    # A shell starts what it runs in the background with SIGINT ignored; Dagster, which then takes SIGTERM for the same,
    # would not stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_go_with_the_starter, name="starter", daemon=True).start()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # Dagster asks its code server to stop and does not wait; that one may go on for the 45 seconds of its
        # heartbeat.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _signal_group(signal.SIGTERM)


def _go_with_the_starter() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    _signal_group(signal.SIGKILL)


def _signal_group(number: signal.Signals) -> None:
    """Only where the group is our own: a shell's is not ours to stop."""
    if os.getpgid(0) == os.getpid():
        os.killpg(0, number)


if __name__ == "__main__":
    main()
