"""What a job run reads from the bucket: code and contracts. Each lies in a folder named by its content, so that a run
under way keeps what it began with.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.etl.engines.spark.session import LOG_STORE
from lakehouse_assets.glue.arguments import CONTRACT
from lakehouse_assets.glue.wheel import build_wheel
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.zone import CODE, CONTRACTS

ENTRY_POINT = Path(__file__).parents[1] / "glue_entry_point.py"
"""The script of every job. It is uploaded, not imported: it imports what defines the jobs."""


@dataclass(frozen=True)
class Code:
    """Where a job's code lies: s3:// locations. `modules`: what it needs besides, as --additional-python-modules takes
    it.
    """

    script: str
    wheel: str
    log_store: str
    modules: str


def upload_code(store: Store, control: str, modules: str) -> Code:
    """Uploads the entry point, the wheel of this project and the log store, where they are not there yet. `control`:
    the prefix of the control folder.
    """
    with tempfile.TemporaryDirectory() as built:
        wheel = build_wheel(Path(built))
        content = wheel.read_bytes()
        # The others are in the wheel too, so that one hash stands for all.
        code = f"{control}{CODE}{_address(content)}/"
        _upload(store, code + wheel.name, content)
    for file in (ENTRY_POINT, LOG_STORE):
        _upload(store, code + file.name, file.read_bytes())
    folder = f"s3://{store.bucket}/{code}"
    return Code(folder + ENTRY_POINT.name, folder + wheel.name, folder + LOG_STORE.name, modules)


def upload_contracts(store: Store, control: str, contracts: Path) -> str:
    """Uploads the documents of all contracts. Returns their folder, an s3:// location that ends with '/'."""
    documents = {path.name: path.read_bytes() for path in sorted(contracts.glob(f"*{CONTRACT}"))}
    parts = (part for name, content in documents.items() for part in (name.encode(), content))
    folder = f"{control}{CONTRACTS}{_address(*parts)}/"
    for name, content in documents.items():
        _upload(store, folder + name, content)
    return f"s3://{store.bucket}/{folder}"


def _upload(store: Store, key: str, content: bytes) -> None:
    if not store.exists(key):
        store.create(key, content, {})


def _address(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:24]
