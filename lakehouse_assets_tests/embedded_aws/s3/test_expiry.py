import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mypy_boto3_s3 import S3Client

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.embedded_aws.s3.expiry import MOST_OLD_VERSIONS_OF_CONTROL
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


def test_old_versions_go_as_the_buckets_rules_say_and_a_lease_has_no_endless_history(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    bucket = settings.bucket
    with embedded_aws(tmp_path) as running:
        bootstrap(settings, Aws(running.environment()))
        s3: S3Client = Aws(running.environment()).client("s3")
        for key in (FILE, GONE_SOON):
            put(s3, bucket, key, b"old")
            s3.delete_object(Bucket=bucket, Key=key)
        replaced = [put(s3, bucket, key, body) for key in (REPLACED, RAW) for body in (b"old", b"new")]
        lease = [put(s3, bucket, LEASE, str(number).encode()) for number in range(MOST_OLD_VERSIONS_OF_CONTROL + 30)]
    folder = tmp_path / "aws" / "s3"
    for key in (FILE, REPLACED, RAW):
        written_days_ago(folder / "000000000000" / bucket / f"{key}.meta.json", 31)

    for _ in range(2):
        with embedded_aws(tmp_path) as running:
            s3 = Aws(running.environment()).client("s3")
            assert versions(s3, bucket, "lakehouse-dwh/") == ([(REPLACED, replaced[1])], [])
            assert versions(s3, bucket, "raw/") == ([(RAW, replaced[3]), (RAW, replaced[2])], [])
            assert [len(found) for found in versions(s3, bucket, "rejected/")] == [1, 1]
            assert [version for _, version in versions(s3, bucket, "control/lease")[0]] == lease[
                : -MOST_OLD_VERSIONS_OF_CONTROL - 2 : -1
            ]
            assert s3.get_object(Bucket=bucket, Key=REPLACED)["Body"].read() == b"new"
            assert (
                s3.get_object(Bucket=bucket, Key=LEASE)["Body"].read()
                == str(MOST_OLD_VERSIONS_OF_CONTROL + 29).encode()
            )
            assert (
                s3.get_object(Bucket=bucket, Key=LEASE, VersionId=lease[-2])["Body"].read()
                == str(MOST_OLD_VERSIONS_OF_CONTROL + 28).encode()
            )
    assert [file for file in folder.rglob("part.parquet*") if "rejected" not in file.parts] == []
    # The lease's, and one each of the file under raw/ and of the one under rejected/.
    assert len(list((folder / ".versions" / "000000000000" / bucket).iterdir())) == MOST_OLD_VERSIONS_OF_CONTROL + 2


def written_days_ago(sidecar: Path, days: int) -> None:
    """All versions of an object become as old as that."""
    said = json.loads(sidecar.read_text())
    for about in (said, *said["versions"]):
        about["last_modified"] = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    sidecar.write_text(json.dumps(said))
