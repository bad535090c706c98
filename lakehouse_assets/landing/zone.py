"""The landing zone: the bucket with its folders, the contracts, and scratch space.

The names of all objects and folders below `control/` are constants of this module. The deployment's permissions and
lifecycle rules use the same constants: a renamed object whose permission kept the old name would fail only on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.landing.model import FileVersion, Manifest
from lakehouse_assets.landing.store import Store

LEASE, OPEN_BATCH, ABANDONED, LAST_FILE = "lease.json", "open_batch.json", "abandoned.json", "last_file.json"
MANIFESTS, LOAD_RESULTS, CHECKS, REPORTS = "manifests/", "judgements/", "checks/", "reports/"
"""The folder of load results has an old name, because buckets hold objects under it."""
LEDGER, CONTENTS, CONVERSIONS, STAGING = "ledger/", "contents/", "conversions/", "staging/"
CODE, CONTRACTS = "code/", "contracts/"
"""The code that Glue jobs and Lambdas run, and the contracts."""
ATHENA, PIPES, GLUE_TEMP, DAGSTER = "athena/", "pipes/", "glue-temp/", "dagster/"
"""Scratch space of services: results of queries, messages of Glue runs, Glue's temporary files, Dagster's files."""
QUARANTINE = "files/"
"""Below `rejected/`: the files that no load has read."""


@dataclass(frozen=True)
class LandingZone:
    store: Store
    contracts: Contracts
    raw: str
    uploads: str
    rejected: str
    archive: str
    control: str
    scratch: Path

    @property
    def open_batch_key(self) -> str:
        """The pointer to the open batch. While it exists, no other batch is frozen: an interrupted batch is finished
        first.
        """
        return f"{self.control}{OPEN_BATCH}"

    @property
    def abandoned_key(self) -> str:
        """The list of the batches that were abandoned since the last one that succeeded; absent if there are none."""
        return f"{self.control}{ABANDONED}"

    @property
    def last_file_key(self) -> str:
        """The object with the time of the newest file that a batch has taken."""
        return f"{self.control}{LAST_FILE}"

    @property
    def lease_key(self) -> str:
        return f"{self.control}{LEASE}"

    def manifest_key(self, batch_id: str) -> str:
        return f"{self.control}{MANIFESTS}{batch_id}.json"

    def conversion_key(self, file_id: str) -> str:
        return f"{self.control}{CONVERSIONS}{file_id}.json"

    def ledger_key(self, file_id: str) -> str:
        return f"{self.control}{LEDGER}{file_id}.json"

    def content_key(self, dataset: str, content: str) -> str:
        return f"{self.control}{CONTENTS}{dataset}/{content}.json"

    def load_result_key(self, batch_id: str, dataset: str) -> str:
        return f"{self.control}{LOAD_RESULTS}{batch_id}/{dataset}.json"

    def checks_key(self, batch_id: str) -> str:
        return f"{self.control}{CHECKS}{batch_id}.json"

    @property
    def reports_prefix(self) -> str:
        return f"{self.control}{REPORTS}"

    def report_key(self, manifest: Manifest) -> str:
        """The key begins with the time, so that a listing is the history in order."""
        created_at = manifest.created_at.replace(":", "").replace("+0000", "Z")
        return f"{self.reports_prefix}{created_at}-{manifest.batch_id}.json"

    @property
    def staging_prefix(self) -> str:
        return f"{self.control}{STAGING}"

    def staged_key(self, file_id: str, compression: str) -> str:
        """The key of a copy for Spark, which recognises gzip by the suffix and skips names that begin with a dot or an
        underscore.
        """
        return f"{self.staging_prefix}{file_id}.csv{'.gz' if compression == 'gzip' else ''}"

    def staged_copy(self, version: FileVersion, compression: str) -> str:
        """Copies a version inside the bucket, for engines that read from there: they cannot read a certain version, and
        the object may be overwritten at any time. Returns the copy's s3:// location.
        """
        key = self.staged_key(version.file_id, compression)
        if not self.store.exists(key):
            self.store.copy(version, key)
        return f"s3://{self.store.bucket}/{key}"

    def local_copy(self, version: FileVersion) -> Path:
        """Downloads a version, unless an earlier step on this machine has. Returns its path."""
        path = self.scratch / "files" / version.file_id
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.store.download(version, path)
        return path
