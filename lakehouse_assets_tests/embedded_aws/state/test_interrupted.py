from pathlib import Path

import pytest

from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets_tests.embedded_aws.clients import client


def test_a_crawler_that_was_under_way_when_the_server_was_killed_has_failed_and_can_be_started(tmp_path: Path) -> None:
    with embedded_aws(tmp_path) as aws:
        client("glue", aws).create_crawler(
            Name="crawler", Role="role", DatabaseName="dwh", Targets={"DeltaTargets": []}
        )
    saved = tmp_path / "aws" / "state" / "glue.json"
    assert '"State": "READY"' in saved.read_text()
    saved.write_text(saved.read_text().replace('"State": "READY"', '"State": "RUNNING"'))

    with embedded_aws(tmp_path) as aws:
        glue = client("glue", aws)
        crawler = glue.get_crawler(Name="crawler")["Crawler"]
        assert (crawler["State"], crawler["LastCrawl"]["Status"]) == ("READY", "FAILED")
        assert "was killed while it was in progress" in crawler["LastCrawl"]["ErrorMessage"]
        glue.start_crawler(Name="crawler")


def test_a_bucket_of_which_only_objects_are_known_has_them_once_it_is_made(tmp_path: Path) -> None:
    with embedded_aws(tmp_path) as aws:
        s3 = client("s3", aws)
        s3.create_bucket(Bucket="lakehouse")
        s3.put_object(Bucket="lakehouse", Key="old", Body=b"old")
    (tmp_path / "aws" / "state" / "s3.json").unlink()

    for _ in range(2):
        with embedded_aws(tmp_path) as aws:
            s3 = client("s3", aws)
            if not s3.list_buckets()["Buckets"]:
                with pytest.raises(s3.exceptions.NoSuchBucket):
                    s3.get_object(Bucket="lakehouse", Key="old")
                s3.create_bucket(Bucket="lakehouse")
            assert s3.get_object(Bucket="lakehouse", Key="old")["Body"].read() == b"old"
