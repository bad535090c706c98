"""The engines of the load's Lambda, from the zip in which they lie beside its code.

Unpacked they are 215 MB, and Lambda takes 250 MB of code. What a call unpacks into /tmp does not count; /tmp has 10 GB
there, and outlives the call.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

NAME = "engines.zip"
BESIDE_THE_CODE = Path(__file__).parents[2] / NAME


def unpack(zipped: Path = BESIDE_THE_CODE, into: Path | None = None) -> None:
    """Puts the engines on Python's path: once for a process, and not where they are installed. A call that was cut off
    leaves nothing under the name.
    """
    folder = (into or Path(tempfile.gettempdir())) / "lakehouse-engines"
    if not zipped.exists() or str(folder) in sys.path:
        return
    if not folder.exists():
        partial = Path(tempfile.mkdtemp(dir=folder.parent))
        with zipfile.ZipFile(zipped) as archive:
            archive.extractall(partial)
        partial.rename(folder)
    sys.path.insert(0, str(folder))
