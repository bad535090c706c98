"""Runs a module that goes when its starter goes: `python -m lakehouse_assets.local.tied MODULE ARGUMENTS…`.

The starter keeps the write end of this process's standard input and nothing else. When it ends, in whatever way, the end of the file is
read here, and this process and all that it started are asked to stop, then killed.
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
    # A shell starts what it runs in the background with SIGINT ignored; Dagster, which then takes SIGTERM for the same, would not stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_go_with_the_starter, name="starter", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _go_with_the_starter() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
