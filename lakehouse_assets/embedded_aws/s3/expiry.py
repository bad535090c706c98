"""Gap: ministack carries out no lifecycle rule, so every version that ever was stays: what VACUUM removes frees no
disk, and each lease adds twenty versions.

Each write of an object writes down all its versions, so that a lease which is renewed for weeks gets slower and slower.
Here NoncurrentVersionExpiration and ExpiredObjectDeleteMarker are carried out, for rules with a prefix, at the start
and every hour. Of an object of the control prefix there are at most `MOST_OLD_VERSIONS_OF_CONTROL` old versions
besides, which on AWS is left to the days.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ministack.services import cloudformation, s3  # type: ignore[import-untyped]

SECONDS_BETWEEN_LOOKS = 3600.0
CONTROL_RULE = "old-versions-of-control"
MOST_OLD_VERSIONS_OF_CONTROL = 100

logger = logging.getLogger(__name__)

Version = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Versions under the prefix go once they were replaced before this time; the times of S3 in ministack are texts in
    one form.
    """

    prefix: str
    replaced_before: str
    most: int | None
    lone_markers_go: bool

    def kept(self, versions: list[Version]) -> list[Version]:
        """Of the versions of one key, the oldest first, those that stay: the latest, and the old ones that are young
        enough, or few enough.
        """
        *old, latest = versions
        replaced = [version["last_modified"] for version in versions[1:]]
        young = [version for version, when in zip(old, replaced, strict=True) if when >= self.replaced_before]
        kept = [*(young if self.most is None else young[-self.most :]), latest]
        return [] if self.lone_markers_go and len(kept) == 1 and latest.get("is_delete_marker") else kept


async def expire_regularly() -> None:
    """Until cancelled. On the event loop on purpose: no object changes meanwhile."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        expire()


def expire() -> None:
    """Removes the versions that no rule keeps."""
    rules = _rules(datetime.now(UTC))
    for (account, (bucket, key)), versions in list(s3._object_versions._data.items()):
        for rule in rules.get((account, bucket), []):
            if key.startswith(rule.prefix) and versions and len(kept := rule.kept(versions)) < len(versions):
                with s3._in_account(account):
                    _keep(bucket, key, versions, kept)


def _rules(now: datetime) -> dict[tuple[str, str], list[Rule]]:
    """Of each account's buckets. CloudFormation of ministack does not tell a bucket of its rules: they are with the
    stack.
    """
    rules: dict[tuple[str, str], list[Rule]] = {}
    for (account, *_), stack in cloudformation._stacks._data.items():
        for resource in stack.get("_resources", {}).values():
            bucket = (account, resource.get("PhysicalResourceId"))
            if resource.get("ResourceType") == "AWS::S3::Bucket" and bucket in s3._buckets._data:
                described = resource.get("Properties", {}).get("LifecycleConfiguration", {}).get("Rules", [])
                rules[bucket] = [_rule(one, now) for one in described if _is_of_old_versions(one)]
    return rules


def _is_of_old_versions(described: dict[str, Any]) -> bool:
    return (
        described.get("Status") == "Enabled"
        and isinstance(described.get("Prefix"), str)
        and "NoncurrentVersionExpiration" in described
    )


def _rule(described: dict[str, Any], now: datetime) -> Rule:
    before = now - timedelta(days=int(described["NoncurrentVersionExpiration"]["NoncurrentDays"]))
    return Rule(
        prefix=described["Prefix"],
        replaced_before=before.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        most=MOST_OLD_VERSIONS_OF_CONTROL if described.get("Id") == CONTROL_RULE else None,
        lone_markers_go=str(described.get("ExpiredObjectDeleteMarker", False)).lower() == "true",
    )


def _keep(bucket: str, key: str, versions: list[Version], kept: list[Version]) -> None:
    gone = {version["version_id"] for version in versions} - {version["version_id"] for version in kept}
    versions[:] = kept
    for version_id in gone:
        for about in (s3._object_tags, s3._object_acl, s3._object_annotations):
            about.pop((bucket, key, version_id), None)
        _remove(bucket, key, version_id)
    try:
        if kept:
            s3._persist_version_state(bucket, key, s3._buckets[bucket])
        else:
            s3._object_versions.pop((bucket, key), None)
            s3._purge_current_object(bucket, key, s3._buckets[bucket])
    except OSError:
        # The next start takes only versions whose bytes are there.
        logger.exception("what remains of s3://%s/%s could not be written down", bucket, key)


def _remove(bucket: str, key: str, version_id: str) -> None:
    """A version's bytes, and the folders that held nothing else."""
    aside = Path(s3._version_disk_path(bucket, key, version_id))
    aside.unlink(missing_ok=True)
    of_versions = Path(s3.DATA_DIR, s3._VERSIONS_DIR).resolve()
    with suppress(OSError):
        for folder in aside.parents:
            if folder == of_versions:
                break
            folder.rmdir()
