"""Gap: ministack carries out no lifecycle rule, so no version is ever removed: VACUUM frees no disk, and an object that
is rewritten all the time has an endless history, which each write of it writes out again (measured: 9 ms of CPU for
each thousand versions).

Here the rules of a bucket about old versions are carried out at the start and every hour: NoncurrentVersionExpiration
(NoncurrentDays, NewerNoncurrentVersions) and ExpiredObjectDeleteMarker, for enabled rules with a Prefix, as
CloudFormation sets them. A rule of one day, the least that S3 takes, counts as one hour: it stands for "soon", and on
this machine the history costs time on each write.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
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
SHORTEST = timedelta(hours=1)

logger = logging.getLogger(__name__)

Version = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Removes the old versions under a prefix that were replaced before a time, except the `newest_kept` newest. Times
    are texts in the form of S3's listings, which sort by time.
    """

    prefix: str
    replaced_before: str
    newest_kept: int
    removes_lone_markers: bool

    def kept(self, versions: list[Version]) -> list[Version]:
        """The versions of one key that stay, of `versions`, both oldest first: the current one, and the old ones that
        are young enough or among the newest.
        """
        *old, current = versions
        young = sum(version["last_modified"] >= self.replaced_before for version in versions[1:])
        kept = [*old[max(0, len(old) - max(young, self.newest_kept)) :], current]
        return [] if self.removes_lone_markers and len(kept) == 1 and current.get("is_delete_marker") else kept


async def expire_regularly() -> None:
    """Expires versions every hour, until cancelled. Runs on the event loop, so that no object changes meanwhile."""
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        expire()


def expire() -> None:
    """Removes the versions that are expired now."""
    rules = _rules(datetime.now(UTC))
    for (account, (bucket, key)), versions in list(s3._object_versions._data.items()):
        for rule in rules.get((account, bucket), []):
            if key.startswith(rule.prefix) and versions and len(kept := rule.kept(versions)) < len(versions):
                with s3._in_account(account):
                    _keep(bucket, key, versions, kept)


def _rules(now: datetime) -> dict[tuple[str, str], list[Rule]]:
    """The rules about old versions, by account and bucket. They are read from the stacks, because ministack's
    CloudFormation does not put them on the bucket.
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
    expiration = described["NoncurrentVersionExpiration"]
    days = int(expiration["NoncurrentDays"])
    before = now - (SHORTEST if days == 1 else timedelta(days=days))
    return Rule(
        prefix=described["Prefix"],
        replaced_before=before.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        newest_kept=int(expiration.get("NewerNoncurrentVersions", 0)),
        removes_lone_markers=str(described.get("ExpiredObjectDeleteMarker", False)).lower() == "true",
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
        # Harmless: the next start ignores versions without bytes.
        logger.exception("could not write the remaining versions of s3://%s/%s", bucket, key)


def _remove(bucket: str, key: str, version_id: str) -> None:
    """Removes a version's bytes, and the folders that are empty then."""
    aside = Path(s3._version_disk_path(bucket, key, version_id))
    aside.unlink(missing_ok=True)
    of_versions = Path(s3.DATA_DIR, s3._VERSIONS_DIR).resolve()
    with suppress(OSError):
        for folder in aside.parents:
            if folder == of_versions:
                break
            folder.rmdir()
