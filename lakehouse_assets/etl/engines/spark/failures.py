"""What a job of Spark died of, as one of our errors: an outage only where the same job may go through later.

Java's message may quote a row's values, and S3's keys, of which a partition's value is a part. So ours is made of the
names of its exceptions.
"""

from __future__ import annotations

import re

from lakehouse_assets.aws.client import LOOK_FOR_A_DENY, NOT_AUTHORIZED
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.spark.session import EXCLUSIVE, LOG_STORE, LOG_STORE_SOURCES
from lakehouse_assets.etl.engines.table import another_writer

EXCEPTION = re.compile(r"\b(?:\w+\.)+(\w+(?:Exception|Error))\b")
"""A class of Java's with its package: each line of a trace that tells of a cause begins with one."""
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
"""What S3A makes of S3's answers that another try does not change (400, 301, 401, and no such bucket)."""
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
"""What the log store (`logstore/`) and Delta raise where another commit came first."""
NOT_EXCLUSIVE, NO_LOG_STORE = "UnsupportedFileSystemException", f"ClassNotFoundException: {EXCLUSIVE}"
FULL_DISK, FULL_MEMORY = "No space left on device", "OutOfMemoryError"
REPORT = "If it fails again, please report it with the whole message from the log."


def failure(dataset: str, trace: str) -> LakehouseError:
    """`trace`: what py4j says, with Java's trace. A job that died with a worker, or with a service that did not answer,
    may go through."""
    names = list(dict.fromkeys(EXCEPTION.findall(trace)))
    died = f"{dataset}: Spark failed on the way ({', '.join(names) or 'Java gives no reason'})."
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
            f"{died} Its file system cannot create a file only where there is none, so another writer's commit could be"
            " lost. Nothing was written. Tables on S3 need Hadoop 3.4.2 or later, with"
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
    return TemporaryOutage(f"{died} No table was left in between; run the batch again. {REPORT}")
