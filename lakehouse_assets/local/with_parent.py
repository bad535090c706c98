"""Runs a module that ends with its parent, together with all processes that it started: `python -m
lakehouse_assets.local.with_parent MODULE ARGUMENTS…`.

The parent starts it in a new process group and keeps only the write end of its standard input. When the parent ends, in
whatever way, this process reads end-of-file. Then it sends SIGTERM to the whole group, and SIGKILL after 20 seconds.
"""

import os
import runpy
import signal
import sys
import threading
import time

SECONDS_TO_STOP = 20.0


def main() -> None:
    """Runs the module that the command line names, and ends its process group afterwards."""
    module, *arguments = sys.argv[1:]
    # A shell starts background processes with SIGINT ignored. Dagster handles SIGTERM like SIGINT, and would ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # Dagster does not wait for its code server, which may continue for the 45 seconds of its heartbeat.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _signal_group(signal.SIGTERM)


def _end_with_the_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    _signal_group(signal.SIGKILL)


def _signal_group(number: signal.Signals) -> None:
    """Signals the process group, if this process leads it. (Otherwise the group is that of a shell.)"""
    if os.getpgid(0) == os.getpid():
        os.killpg(0, number)


if __name__ == "__main__":
    main()
