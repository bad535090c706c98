import pytest
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client


def test_a_key_has_at_most_1024_bytes_wherever_it_is_written(s3: S3Client, bucket: str) -> None:
    fits, longer = "ü" * 512, "ü" * 512 + "."
    s3.put_object(Bucket=bucket, Key=fits, Body=b"x")
    for write in (
        lambda: s3.put_object(Bucket=bucket, Key=longer, Body=b"x"),
        lambda: s3.copy_object(Bucket=bucket, Key=longer, CopySource={"Bucket": bucket, "Key": fits}),
        lambda: s3.create_multipart_upload(Bucket=bucket, Key=longer),
    ):
        with pytest.raises(ClientError, match="KeyTooLongError"):
            write()
    assert s3.get_object(Bucket=bucket, Key=fits)["Body"].read() == b"x"


def test_metadata_has_at_most_2048_bytes_names_and_values_together(s3: S3Client, bucket: str) -> None:
    fits = {"name": "v" * 1000, "other": "v" * 1039}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=fits)
    with pytest.raises(ClientError, match="MetadataTooLarge"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", Metadata=fits | {"n": ""})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == fits
