"""Athena for the tests of the gaps."""

import pytest

from lakehouse_assets_tests.embedded_aws.steps import Athena


@pytest.fixture
def athena(bucket: str, database: str) -> Athena:
    return Athena(database, f"s3://{bucket}/athena")
