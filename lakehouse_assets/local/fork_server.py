"""Imported only by the process that runs are forked from (`code_server.py`).

That process ignores SIGTERM, which reaches the whole process group when `lakehouse up` stops. If it ended first, the
code server would take the runs for dead while they still end in order. It ends after the code server and all its runs.
A run sets its own handler for SIGTERM before it does anything.
"""

import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
