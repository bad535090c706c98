"""A lakehouse is connected with what is installed."""

from __future__ import annotations

import subprocess
import sys

WITHOUT_THE_EXTRA = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ministack", "uvloop", "xlsxwriter"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import lakehouse_assets.connect, lakehouse_assets.definitions
"""


def test_an_account_needs_nothing_of_the_extra_local() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_THE_EXTRA], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
