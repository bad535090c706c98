"""Names of files and sheets as parts of S3 keys. A name that has to be changed gets a hash of the original, so that two
different names never become one.

`safe_name` makes keys that Spark and Hive read (sheets, archived files). `object_name` keeps as much as S3 allows of
the name that a person gave an uploaded file.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata

NAME_BYTES = 120
HASH_LENGTH = 12
PART_BYTES, PATH_BYTES = 200, 700
"""An S3 key may have 1,024 bytes, and a name on a disk (the embedded S3 keeps objects as files) 255. The archive's
folders and suffix come on top of both.
"""
LOOKS_HASHED = re.compile(rf"-[0-9a-f]{{{HASH_LENGTH}}}\Z")


def safe_name(text: str) -> str:
    """A file's or sheet's name as a part of an S3 key: letters and digits of any script, blanks and `-_.()`, at most
    120 bytes of UTF-8.

    A name that had to be changed ends in a hash of the original, so that two different names never become one. Never
    empty, never hidden from Spark and Hive (which skip what begins with `_` or `.`).
    """
    kept = "".join(letter if _is_kept(letter) else "_" for letter in text)
    kept = re.sub(r"\.{2,}", "_", kept).strip()
    kept = re.sub(r"\A[._]+", "", kept).rstrip(".")
    if kept == text and kept and len(kept.encode()) <= NAME_BYTES and not LOOKS_HASHED.search(kept):
        return kept
    short = kept.encode()[: NAME_BYTES - HASH_LENGTH - 1].decode("utf-8", "ignore").strip()
    return f"{short or 'name'}-{_digest(text)}"


def _is_kept(letter: str) -> bool:
    return letter.isalnum() or letter in " -_.()" or unicodedata.category(letter).startswith("M")


def object_name(parts: tuple[str, ...]) -> str:
    """The parts of a file's path as one name of at most 700 bytes of UTF-8 below a dataset's folder."""
    name = "/".join(_safe_part(part) for part in parts if part != os.sep)
    if len(name.encode()) <= PATH_BYTES:
        return name
    return f"{_digest(name)}/{name.rsplit('/', 1)[-1]}"


def _safe_part(part: str) -> str:
    """A name as a part of a key: as it is, with spaces, `+`, `%` and all scripts, but without control characters and
    broken UTF-8.

    A name that had to be changed holds a hash of the original, so that two different names never become one.
    """
    kept = "".join(
        "_" if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\ufffe\uffff" else c for c in part
    )
    if kept == part and len(part.encode()) <= PART_BYTES:
        return part
    stem, dot, suffix = kept.partition(".")
    short = stem.encode()[: PART_BYTES // 2].decode("utf-8", "ignore")
    return f"{short}-{_digest(part)}{dot}{suffix.encode()[-PART_BYTES // 4 :].decode('utf-8', 'ignore')}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
