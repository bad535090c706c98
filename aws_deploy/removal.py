"""Removes a deployment's bucket and key, which no stack deletes."""

from __future__ import annotations

from typing import Any


def empty(s3: Any, bucket: str) -> None:
    """Deletes every version of every object. A bucket that does not exist is empty."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                s3.delete_objects(
                    Bucket=bucket,
                    Delete={
                        "Objects": [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found],
                        "Quiet": True,
                    },
                )
    except s3.exceptions.NoSuchBucket:
        return


def delete_key(kms: Any, key: str) -> None:
    """Schedules the deletion after the shortest waiting period that AWS offers, unless it is scheduled already."""
    try:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    except kms.exceptions.KMSInvalidStateException:
        return


def delete_bucket(s3: Any, bucket: str) -> None:
    """Deletes a bucket with all objects. A bucket that does not exist is not an error."""
    empty(s3, bucket)
    try:
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return
