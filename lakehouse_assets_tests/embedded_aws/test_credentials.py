import stat
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets_tests.embedded_aws.clients import client


def test_the_secret_is_the_owners_alone_and_stays(tmp_path: Path) -> None:
    with embedded_aws(tmp_path) as first:
        file = tmp_path / "aws" / "credentials.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert first.secret_access_key in file.read_text()
        assert first.secret_access_key not in repr(first)
    with embedded_aws(tmp_path) as again:
        assert (again.access_key_id, again.secret_access_key) == (first.access_key_id, first.secret_access_key)

    # As after copying the home without its modes: others may have read the old secret.
    file.chmod(0o644)
    file.parent.chmod(0o755)
    with embedded_aws(tmp_path) as anew:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert anew.secret_access_key != first.secret_access_key
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            client(
                "s3", anew, aws_access_key_id=first.access_key_id, aws_secret_access_key=first.secret_access_key
            ).list_buckets()


def test_a_damaged_secret_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "credentials.json").write_text("")
    with embedded_aws(tmp_path) as aws:
        assert client("s3", aws).list_buckets()["Buckets"] == []
