import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.embedded_aws.s3.expiry import Rule
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.embedded_aws.s3.test_objects import put, versions

FILE, REPLACED, LEASE, RAW, GONE_SOON = (
    "lakehouse-dwh/orders/part.parquet",
    "lakehouse-dwh/orders/replaced",
    "control/lease.json",
    "raw/a.csv",
    "rejected/part.parquet",
)


def test_old_versions_go_as_the_buckets_rules_say_and_those_of_one_day_within_hours(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    bucket = settings.bucket
    with embedded_aws(tmp_path) as running:
        bootstrap(settings, Aws(running.environment()))
        s3: S3Client = Aws(running.environment()).client("s3")
        for key in (FILE, GONE_SOON):
            put(s3, bucket, key, b"old")
            s3.delete_object(Bucket=bucket, Key=key)
        replaced = [put(s3, bucket, key, body) for key in (REPLACED, RAW) for body in (b"old", b"new")]
        lease = [put(s3, bucket, LEASE, str(number).encode()) for number in range(5)]
    folder = tmp_path / "aws" / "s3"
    for key in (FILE, REPLACED, RAW):
        written_ago(folder / "000000000000" / bucket / f"{key}.meta.json", timedelta(days=31))
    written_ago(folder / "000000000000" / bucket / f"{LEASE}.meta.json", timedelta(hours=2), but=2)

    for _ in range(2):
        with embedded_aws(tmp_path) as running:
            s3 = Aws(running.environment()).client("s3")
            assert versions(s3, bucket, "lakehouse-dwh/") == ([(REPLACED, replaced[1])], [])
            assert versions(s3, bucket, "raw/") == ([(RAW, replaced[3]), (RAW, replaced[2])], [])
            assert [len(found) for found in versions(s3, bucket, "rejected/")] == [1, 1]
            assert versions(s3, bucket, "control/lease")[0] == [(LEASE, version) for version in lease[:1:-1]]
            assert s3.get_object(Bucket=bucket, Key=REPLACED)["Body"].read() == b"new"
            assert s3.get_object(Bucket=bucket, Key=LEASE)["Body"].read() == b"4"
            assert s3.get_object(Bucket=bucket, Key=LEASE, VersionId=lease[2])["Body"].read() == b"2"
    assert [file for file in folder.rglob("part.parquet*") if "rejected" not in file.parts] == []
    # Two of the lease, and one each of the file under raw/ and of the one under rejected/.
    assert len(list((folder / ".versions" / "000000000000" / bucket).iterdir())) == 4


@pytest.mark.parametrize(
    ("newest_kept", "left"), [(0, "cd"), (1, "cd"), (2, "bcd"), (5, "abcd")], ids=["none", "one", "two", "more"]
)
def test_the_newest_old_versions_stay_as_many_as_a_rule_says(newest_kept: int, left: str) -> None:
    versions = [{"version_id": name, "last_modified": f"2025-04-0{day}"} for day, name in enumerate("abcd", 1)]
    rule = Rule("", replaced_before="2025-04-04", newest_kept=newest_kept, removes_lone_markers=True)

    assert "".join(version["version_id"] for version in rule.kept(versions)) == left


def written_ago(sidecar: Path, age: timedelta, but: int = 0) -> None:
    """Makes the versions of an object as old as that, except the newest ones."""
    said = json.loads(sidecar.read_text())
    for about in said["versions"][:-but] if but else [*said["versions"], said]:
        about["last_modified"] = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    sidecar.write_text(json.dumps(said))
