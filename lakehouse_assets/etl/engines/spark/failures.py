"""Translates the failure of a Spark job into one of our errors: TemporaryOutage only if the same job may succeed later.

Java's message may contain a row's values, and S3 keys, which contain partition values. So our message contains only the
names of Java's exceptions.
"""

from __future__ import annotations

import re

from lakehouse_assets.aws.client import LOOK_FOR_A_DENY, NOT_AUTHORIZED
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.spark.session import EXCLUSIVE, LOG_STORE, LOG_STORE_SOURCES
from lakehouse_assets.etl.engines.table import another_writer

EXCEPTION = re.compile(r"\b(?:\w+\.)+(\w+(?:Exception|Error))\b")
"""A Java class with its package: each line of a stack trace that names a cause begins with one."""
REFUSED = {
    "AWSBadRequestException",
    "AWSRedirectException",
    "AWSUnsupportedFeatureException",
    "CredentialInitializationException",
    "InvalidRequestException",
    "NoAuthWithAWSException",
    "NoAwsCredentialsException",
    "UnknownStoreException",
}
"""S3A's exceptions for answers of S3 that another try does not change (400, 301, 401, and no such bucket)."""
NO_PERMISSION = "AccessDeniedException"
ANOTHER_WRITER = {
    "AnotherWriterException",
    "ConcurrentAppendException",
    "ConcurrentDeleteDeleteException",
    "ConcurrentDeleteReadException",
    "ConcurrentTransactionException",
    "ConcurrentWriteException",
    "DeltaConcurrentModificationException",
    "MetadataChangedException",
    "ProtocolChangedException",
}
"""What the log store (`logstore/`) and Delta raise if another commit came first."""
NOT_EXCLUSIVE, NO_LOG_STORE = "UnsupportedFileSystemException", f"ClassNotFoundException: {EXCLUSIVE}"
FULL_DISK, FULL_MEMORY = "No space left on device", "OutOfMemoryError"
REPORT = "If it fails again, please report it with the whole message from the log."


def failure(dataset: str, trace: str) -> LakehouseError:
    """Returns the error to raise. `trace`: py4j's message, with Java's stack trace. A job that failed because of a lost
    worker, or a service that did not answer, may succeed later.
    """
    names = list(dict.fromkeys(EXCEPTION.findall(trace)))
    died = f"{dataset}: Spark failed during the load ({', '.join(names) or 'Java gives no reason'})."
    if ANOTHER_WRITER.intersection(names):
        return another_writer(dataset)
    if NO_LOG_STORE in trace:
        return BadConfiguration(
            f"{died} Spark does not have the log store, so another writer's commit could be lost. Nothing was written."
            f" Start Spark with `--jars {LOG_STORE.name}` (on Glue: --extra-jars); it is in the package"
            f" {__package__}.{LOG_STORE_SOURCES.name}."
        )
    if NOT_EXCLUSIVE in names:
        return BadConfiguration(
            f"{died} Its file system cannot create a file only if it does not exist, so another writer's commit could"
            " be lost. Nothing was written. Tables on S3 need Hadoop 3.4.2 or later, with"
            " fs.s3a.create.conditional.enabled as it is by default."
        )
    if FULL_DISK in trace:
        return LakehouseError(
            f"{died} A disk is full. Nothing is lost: free some space where Spark spills, then run the batch again."
        )
    if FULL_MEMORY in names:
        return LakehouseError(
            f"{died} Its memory was too small. Nothing is lost: give it more, or larger workers, then run the batch"
            " again."
        )
    if NO_PERMISSION in names:
        action = found[1] if (found := NOT_AUTHORIZED.search(trace)) else "to read, write, delete or list its files"
        return BadConfiguration(
            f"{died} A permission is missing: {action}. Nothing is lost. Allow it to the role or user that runs this,"
            f" then run the batch again. {LOOK_FOR_A_DENY}"
        )
    if REFUSED.intersection(names):
        return BadConfiguration(
            f"{died} S3 refused a request. Nothing is lost. Check the bucket's name and the permissions, then run the"
            " batch again."
        )
    return TemporaryOutage(f"{died} No table was left half-written; run the batch again. {REPORT}")
