"""Runs the program that its arguments name, and kills it at the end of its standard input: when whoever started this
ends, in whatever way.
"""

import os
import subprocess
import sys
import threading

program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)


def end_with_the_starter() -> None:
    # Not by sys.stdin: Python's end would wait for the reader.
    while os.read(0, 1):
        pass
    program.kill()


threading.Thread(target=end_with_the_starter, daemon=True).start()
sys.exit(program.wait())
