"""One embedded AWS for all tests of this folder, and clients of it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from mypy_boto3_glue import GlueClient
from mypy_boto3_s3 import S3Client

from lakehouse_assets.embedded_aws.process import EmbeddedAws, embedded_aws
from lakehouse_assets_tests.embedded_aws.steps import Athena


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the embedded AWS `aws`."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def aws(home: Path) -> Iterator[EmbeddedAws]:
    """An embedded AWS with a home of its own. Every AWS SDK of this process uses it by default."""
    with embedded_aws(home) as running:
        yield running


@pytest.fixture(scope="session")
def default_session(aws: EmbeddedAws) -> boto3.Session:
    """boto3's default session, with the credentials of `aws`."""
    return boto3.Session(aws.access_key_id, aws.secret_access_key)


@pytest.fixture(autouse=True)
def aws_by_default(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each test, because a test that uses another embedded AWS hides the variables of this one."""
    if "aws" in request.fixturenames:
        for name, value in request.getfixturevalue("aws").environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", request.getfixturevalue("default_session"))


@pytest.fixture
def s3(aws: EmbeddedAws) -> S3Client:
    return boto3.client("s3")


@pytest.fixture
def glue(aws: EmbeddedAws) -> GlueClient:
    return boto3.client("glue")


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """A new, versioned bucket."""
    name = f"bucket-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def database(glue: GlueClient) -> str:
    """A new database of the Glue catalog."""
    name = f"database_{uuid4().hex}"
    glue.create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture
def athena(bucket: str, database: str) -> Athena:
    """Athena on the new bucket and database."""
    return Athena(database, f"s3://{bucket}/athena")
