"""Uploads the code and the contracts that Glue runs read from the bucket. Each is in a folder named by its content, so
that a running job keeps the version with which it began.
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
"""The script of every job. It is not imported here, because it imports this package."""


@dataclass(frozen=True)
class Code:
    """The s3:// locations of a job's code. `modules`: its other Python modules, as a value of
    --additional-python-modules.
    """

    script: str
    wheel: str
    log_store: str
    modules: str


def upload_code(store: Store, control: str, modules: str) -> Code:
    """Uploads the entry point, the wheel of this project and the log store, unless the bucket has them. `control`: the
    prefix of the control folder. Returns their locations.
    """
    with tempfile.TemporaryDirectory() as built:
        wheel = build_wheel(Path(built))
        content = wheel.read_bytes()
        # The wheel contains the other files, too, so its hash is the hash of all.
        code = f"{control}{CODE}{_address(content)}/"
        _upload(store, code + wheel.name, content)
    for file in (ENTRY_POINT, LOG_STORE):
        _upload(store, code + file.name, file.read_bytes())
    folder = f"s3://{store.bucket}/{code}"
    return Code(folder + ENTRY_POINT.name, folder + wheel.name, folder + LOG_STORE.name, modules)


def upload_contracts(store: Store, control: str, contracts: Path) -> str:
    """Uploads all contracts of the folder `contracts`. Returns their location in S3, which ends with `/`."""
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
