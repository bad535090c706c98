"""The engines of the load's Lambda, which are in a zip beside its code.

Unpacked they have 215 MB, and Lambda accepts 250 MB of code. Files that a call unpacks into /tmp do not count; /tmp has
10 GB there, and its files are still there in later calls.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

NAME = "engines.zip"
BESIDE_THE_CODE = Path(__file__).parents[2] / NAME


def unpack(zipped: Path = BESIDE_THE_CODE, into: Path | None = None) -> None:
    """Unpacks the engines and adds them to sys.path, once per process. Does nothing if there is no zip: then they are
    installed. The folder appears only once it is complete, so an interrupted call leaves no incomplete folder.
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
