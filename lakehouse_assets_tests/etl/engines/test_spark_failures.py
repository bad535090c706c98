"""What Spark says of a job that died, by Java's trace: an outage only where a retry may heal it, and never a key of S3
or a value.
"""

from __future__ import annotations

import pytest

from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.spark.failures import failure

TRACE = """An error occurred while calling o114.save.
: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to s3://bucket/stock. SQLSTATE: 58030
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.taskFailedWhileWritingRowsError(QueryExecutionErrors.scala:814)
Caused by: {}
\tat java.base/java.lang.Thread.run(Thread.java:840)"""


@pytest.mark.parametrize(
    ("cause", "kind", "told"),
    [
        (
            "org.apache.hadoop.fs.s3a.AWSBadRequestException: PUT s/shop=Secret: Your key is too long",
            BadConfiguration,
            "AWSBadRequestException",
        ),
        (
            "java.nio.file.AccessDeniedException: s3a://bucket/shop=Secret: 403",
            BadConfiguration,
            "A permission is missing: to read, write, delete or list",
        ),
        (
            (
                "java.nio.file.AccessDeniedException: s3a://bucket/shop=Secret: User: arn:aws:sts::1:assumed-role/r/s"
                ' is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::bucket/shop=Secret" because no'
                " identity-based policy allows the s3:PutObject action (Status Code: 403)"
            ),
            BadConfiguration,
            "A permission is missing: s3:PutObject. Nothing is lost",
        ),
        (
            "org.apache.hadoop.fs.s3a.UnknownStoreException: `s3a://bucket/shop=Secret'",
            BadConfiguration,
            "UnknownStoreException",
        ),
        ("java.io.IOException: shop=Secret: No space left on device", LakehouseError, "A disk is full"),
        ("java.lang.OutOfMemoryError: Java heap space", LakehouseError, "Its memory was too small"),
        (
            "org.apache.hadoop.fs.s3a.AWSClientIOException: shop=Secret: connection reset",
            TemporaryOutage,
            "SparkException, AWSClientIOException",
        ),
        (
            "lakehouse.logstore.AnotherWriterException: Another writer commits: s3://bucket/shop=Secret",
            TemporaryOutage,
            "another writer committed",
        ),
        (
            "io.delta.exceptions.ConcurrentDeleteReadException: shop=Secret was deleted",
            TemporaryOutage,
            "another writer committed",
        ),
        ("io.delta.exceptions.MetadataChangedException: shop=Secret", TemporaryOutage, "another writer committed"),
        (
            "java.lang.ClassNotFoundException: lakehouse.logstore.ExclusiveLogStore",
            BadConfiguration,
            "`--jars log-store.jar`",
        ),
        (
            "org.apache.hadoop.fs.UnsupportedFileSystemException: s3://bucket/shop=Secret",
            BadConfiguration,
            "Hadoop 3.4.2 or later",
        ),
        ("java.io.EOFException: shop=Secret", TemporaryOutage, "run the batch again"),
    ],
)
def test_an_outage_is_only_what_a_retry_can_heal(cause: str, kind: type[LakehouseError], told: str) -> None:
    failed = failure("stock", TRACE.format(cause))
    assert type(failed) is kind
    assert told in str(failed)
    assert "Secret" not in str(failed)
    assert "\n" not in str(failed)
