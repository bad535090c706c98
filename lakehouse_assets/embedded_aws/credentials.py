"""The secret of a home's embedded AWS. Anyone who can read it may use that AWS, and so run code as the owner of the
home.

The file is readable only for its owner, in a folder that only its owner may enter. Each home has a secret of its own,
which does not change.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

FILE = "credentials.json"
OF_OTHERS = 0o077


@dataclass(frozen=True)
class Credentials:
    """What a client of the embedded AWS signs its requests with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


def read_credentials(folder: Path) -> Credentials | None:
    """The credentials in this folder; None if there are none, or if the file is damaged."""
    try:
        saved = json.loads((folder / FILE).read_text("utf-8"))
        return Credentials(str(saved["access_key_id"]), str(saved["secret_access_key"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def keep_credentials(folder: Path) -> Credentials:
    """The credentials of this folder, made if there are none. Closes the folder to other users. Only for the process
    that holds the folder's server.lock.
    """
    # A file system without modes (a mounted Windows disk) may refuse this.
    with suppress(OSError):
        folder.chmod(0o700)
    found = read_credentials(folder)
    # A file that others could read does not hold a secret any more.
    return found if found and not _is_open(folder / FILE) else _made(folder)


def _is_open(file: Path) -> bool:
    found = file.stat()
    return bool(found.st_mode & OF_OTHERS) or found.st_uid != os.getuid()


def _made(folder: Path) -> Credentials:
    made = Credentials(f"LAKE{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
    unfinished = folder / f"{FILE}.tmp"
    unfinished.unlink(missing_ok=True)
    # Created with its mode: with a chmod afterwards others could open it in between.
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"access_key_id": made.access_key_id, "secret_access_key": made.secret_access_key}, file)
    unfinished.replace(folder / FILE)
    return made
