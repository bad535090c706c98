"""The bucket of a dry run: it looks like the bucket of a lakehouse to which only the given files were uploaded, and
nothing of it is in S3.

Files are not copied; links to them are. Objects that the steps write are files in a folder. Of the real bucket it
shows only what tells whether a content came before, and the time of the last file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from lakehouse_assets.landing.model import FileVersion
from lakehouse_assets.landing.store import JsonVersion, Store


@dataclass(frozen=True)
class _Object:
    path: Path
    version: FileVersion
    metadata: dict[str, str]


class DryStore(Store):
    """`folder`: where objects are written. `shown`: reads an object of the real bucket, or returns None. It has no S3
    client, so a method of `Store` that is not here cannot write either.
    """

    def __init__(self, bucket: str, folder: Path, shown: Callable[[str], Any | None]) -> None:
        super().__init__(None, bucket)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._shown = folder, shown
        self._objects: dict[str, _Object] = {}
        self._numbers = count()

    def get_json(self, key: str) -> Any | None:
        found = self._objects.get(key)
        return json.loads(found.path.read_bytes()) if found else self._shown(key)

    def get_json_version(self, key: str) -> JsonVersion | None:
        found = self._objects.get(key)
        return JsonVersion(json.loads(found.path.read_bytes()), found.version.etag, 0) if found else None

    def replace_json(self, key: str, value: Any, etag: str | None) -> str | None:
        found = self._objects.get(key)
        if (found.version.etag if found else None) != etag:
            return None
        self.put_json(key, value)
        return self._objects[key].version.etag

    def put_json(self, key: str, value: Any) -> None:
        self._write(key, json.dumps(value, default=str).encode(), {})

    def create(self, key: str, body: Any, metadata: dict[str, str]) -> bool:
        if key in self._objects:
            return False
        self._write(key, body, metadata)
        return True

    def exists(self, key: str) -> bool:
        return key in self._objects

    def waiting(self, prefix: str) -> list[FileVersion]:
        return [found.version for key, found in sorted(self._objects.items()) if key.startswith(prefix)]

    def metadata(self, version: FileVersion) -> dict[str, str]:
        return self._objects[version.key].metadata

    def download(self, version: FileVersion, path: Path) -> None:
        path.symlink_to(self._objects[version.key].path)

    def upload(self, path: Path, key: str, metadata: dict[str, str] | None = None) -> str | None:
        return self._keep(key, path.resolve(), metadata or {}).version_id

    def _write(self, key: str, body: Any, metadata: dict[str, str]) -> None:
        path = self._folder / str(next(self._numbers))
        with path.open("wb") as file:
            if hasattr(body, "read"):
                shutil.copyfileobj(body, file)
            else:
                file.write(body)
        self._keep(key, path, metadata)

    def _keep(self, key: str, path: Path, metadata: dict[str, str]) -> FileVersion:
        """S3's times are whole seconds."""
        number, now = f"dry-run-{next(self._numbers)}", datetime.now(UTC).replace(microsecond=0)
        version = FileVersion(self.bucket, key, number, number, path.stat().st_size, now)
        self._objects[key] = _Object(path, version, metadata)
        return version
