"""The files that are meant by the paths of a command line, and the name of each in the bucket."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.names import object_name
from lakehouse_assets.landing.order import NaturalKey, natural_key

TAKEN = (
    *(".csv", ".tsv", ".txt", ".gz", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"),
    *(".zip", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".7z"),
)
"""Files of a folder with these suffixes are uploaded. Some of these formats are not supported: their files will be
quarantined with the reason. Other files are only named in the report.
"""


@dataclass(frozen=True)
class Incoming:
    """A file to upload, and its name in the bucket, below the dataset's folder. `dataset`: the one that the command
    line states."""

    path: Path
    name: str
    dataset: str | None = None


@dataclass(frozen=True)
class Ignored:
    """A file in a given folder that is not uploaded."""

    name: str
    reason: str


def find_files(paths: Iterable[Path], home: Path, dataset: str | None = None) -> tuple[list[Incoming], list[Ignored]]:
    """Every file that is given by name, and those in the given folders that look like data, except below `home`.

    The order is that of the given paths; in a folder, by time, then by name with numbers as numbers. It matters: of two
    rows with one key, that of the later file stays.

    A file's name is its path in the given folder. If two files have the same name, both get the names of the folders
    above, until they differ. `dataset`: the dataset that the user states for the files. Raises BadConfiguration, naming
    all paths that do not exist or cannot be read.
    """
    faults: list[str] = []
    found: dict[Path, int] = {}
    ignored: list[Ignored] = []
    for given in paths:
        path = Path(os.path.abspath(given.expanduser()))  # noqa: PTH100 - resolve() would follow links, and a file is known by the name it was given
        if fault := _fault(path):
            faults.append(f"{given}: {fault}")
        elif path.is_dir():
            items = list(_walk(path, path, home))
            ignored += [item for item in items if isinstance(item, Ignored)]
            for item in sorted((item for item in items if isinstance(item, Path)), key=_time_and_name):
                found.setdefault(item, len(item.relative_to(path).parts))
        else:
            found[path] = 1
    if faults:
        raise BadConfiguration(
            "These paths cannot be used, and nothing was uploaded:\n" + "\n".join(f"  - {fault}" for fault in faults)
        )
    lengths = _lengthened_until_unique(found)
    return [Incoming(path, object_name(path.parts[-lengths[path] :]), dataset) for path in found], ignored


def _time_and_name(path: Path) -> tuple[int, NaturalKey]:
    return path.stat().st_mtime_ns, natural_key(str(path))


def _fault(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "no such file or folder" if isinstance(error, FileNotFoundError) else str(error.strerror)
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        return "is neither a file nor a folder"
    return None if os.access(path, os.R_OK) else "cannot be read (permissions)"


def _walk(folder: Path, top: Path, home: Path) -> Iterator[Path | Ignored]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Ignored(f"{folder.relative_to(top)}/", f"the folder cannot be read: {error.strerror}")
        return
    for entry in entries:
        path = Path(entry.path)
        name = str(path.relative_to(top))
        if entry.is_dir(follow_symlinks=False):
            if home.exists() and path.samefile(home):
                continue
            if entry.name.startswith("."):
                yield Ignored(f"{name}/", "a hidden folder is not searched; name it to load the files in it")
            else:
                yield from _walk(path, top, home)
        elif reason := _reason_to_ignore(path):
            yield Ignored(name, reason)
        else:
            yield path


def _reason_to_ignore(path: Path) -> str | None:
    if path.is_dir():
        return "a link to a folder is not followed; name the folder itself"
    if fault := _fault(path):
        return fault
    if path.name.startswith("~$"):
        return "is the lock file of a workbook that is open in Excel"
    if not path.name.lower().endswith(TAKEN):
        return "is not a CSV file or workbook by its name; name the file itself to load it anyway"
    return None


def _lengthened_until_unique(found: dict[Path, int]) -> dict[Path, int]:
    """The number of trailing parts of each path that make its name."""
    lengths = dict(found)
    while True:
        same: dict[tuple[str, ...], list[Path]] = defaultdict(list)
        for path, length in lengths.items():
            same[path.parts[-length:]].append(path)
        clashing = [path for paths in same.values() if len(paths) > 1 for path in paths]
        if not clashing:
            return lengths
        for path in clashing:
            lengths[path] += 1
