"""Reads the encodings of a dataset's files: `encoding` of the entries of `servers`, for all files or for a folder."""

from __future__ import annotations

import re
from collections.abc import Callable

from open_data_contract_standard.model import OpenDataContractStandard, Server

UTF_8 = "utf-8"
ENCODINGS = {
    UTF_8: (),
    "windows-1252": ("cp1252",),
    "iso-8859-1": ("latin-1", "latin1"),
    "iso-8859-15": ("latin-9",),
    "utf-16": (),
}
"""The encodings, as Python and the standard name them, and other names of them."""
FOLDER = re.compile(r"[^/\\]+(/[^/\\]+)*/?\Z")
Fault = Callable[[str], None]


def read_encodings(document: OpenDataContractStandard, fault: Fault) -> tuple[tuple[str, str], ...]:
    """Returns pairs (folder, encoding): the folder in the dataset's own one, empty for all files; the longest that a
    file lies in counts. Reports each fault.
    """
    found: dict[str, str] = {}
    for server in document.servers or []:
        if server.encoding is not None:
            folder, encoding = _folder(server, fault), _encoding(server, fault)
            if found.setdefault(folder, encoding) != encoding:
                fault(f"servers give {'folder ' + folder if folder else 'the files'} more than one encoding.")
    return tuple((folder, encoding) for folder, encoding in found.items())


def encoding_named(name: str) -> str | None:
    """The encoding of this name; None if there is none."""
    said = name.lower().replace("_", "-")
    return next((encoding for encoding, others in ENCODINGS.items() if said == encoding or said in others), None)


def _encoding(server: Server, fault: Fault) -> str:
    if found := encoding_named(server.encoding or ""):
        return found
    fault(f"server {server.server}: encoding {server.encoding!r} must be one of {', '.join(ENCODINGS)}.")
    return UTF_8


def _folder(server: Server, fault: Fault) -> str:
    path = server.path
    if path is None:
        return ""
    if not FOLDER.match(path) or {".", ".."} & set(path.split("/")):
        fault(f"server {server.server}: path {path!r} must be a folder in the dataset's folder, such as berlin/2025.")
    return path.rstrip("/") + "/"
