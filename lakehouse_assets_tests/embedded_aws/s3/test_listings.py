from datetime import UTC, datetime

from mypy_boto3_s3 import S3Client

from lakehouse_assets_tests.embedded_aws.s3.test_objects import put, versions


def test_times_are_whole_seconds(s3: S3Client, bucket: str) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    put(s3, bucket, "kept", b"x")
    put(s3, bucket, "deleted", b"x")
    s3.delete_object(Bucket=bucket, Key="deleted")

    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    found = s3.list_object_versions(Bucket=bucket)
    times = [item["LastModified"] for item in (listed, *found["Versions"], *found["DeleteMarkers"])]

    assert [time.microsecond for time in times] == [0, 0, 0, 0]
    assert min(times) >= before
    assert s3.head_object(Bucket=bucket, Key="kept")["LastModified"] == listed["LastModified"]


def test_versions_of_any_key_are_listed_in_pages_too(s3: S3Client, bucket: str) -> None:
    keys = ["raw/a\x01b.csv", "raw/a b+c%.csv", "raw/ü\n&<.csv", "raw/%2F"]
    expected = sorted((key, put(s3, bucket, key, b"x")) for key in keys for _ in range(2))
    marker = s3.delete_object(Bucket=bucket, Key=keys[0])["VersionId"]

    for page_size in (1, 1000):
        found, markers = versions(s3, bucket, "raw/", page_size)
        assert (sorted(found), markers) == (expected, [(keys[0], marker)])
    folders = s3.list_object_versions(Bucket=bucket, Delimiter="/", Prefix="")
    assert ([each["Prefix"] for each in folders["CommonPrefixes"]], folders["EncodingType"]) == (["raw/"], "url")
