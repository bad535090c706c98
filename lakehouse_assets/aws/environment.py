"""What libraries read of the environment to find S3, and how it is kept from dividing a lakehouse: rows in one S3,
their records in another.

boto3, delta-rs and Spark read different variables and files. So an embedded lakehouse hides all of them from this
process and from those that it starts, and a lakehouse in an account refuses what only one of the three reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping

from lakehouse_assets.errors import BadConfiguration

OF_BOTO3_AND_DELTA_RS = frozenset(
    {
        *(
            "access_key_id",
            "secret_access_key",
            "session_token",
            "region",
            "default_region",
            "endpoint_url",
            "endpoint_url_s3",
            "endpoint_url_sts",
        ),
        *(
            "role_arn",
            "role_session_name",
            "web_identity_token_file",
            "container_credentials_relative_uri",
            "container_credentials_full_uri",
        ),
        "container_authorization_token_file",
    }
)
WHERE_AND_HOW = frozenset(
    {
        *(
            "endpoint",
            "s3_endpoint",
            "endpoint_url_dynamodb",
            "bucket",
            "bucket_name",
            "token",
            "virtual_hosted_style_request",
            "s3_express",
        ),
        *(
            "metadata_endpoint",
            "imdsv1_fallback",
            "skip_signature",
            "unsigned_payload",
            "checksum_algorithm",
            "conditional_put",
            "copy_if_not_exists",
        ),
        *(
            "request_payer",
            "server_side_encryption",
            "sse_kms_key_id",
            "sse_bucket_key_enabled",
            "sse_customer_key_base64",
            "proxy_url",
            "proxy_excludes",
        ),
        *(
            "proxy_ca_certificate",
            "root_certificate",
            "allow_invalid_certificates",
            "s3_locking_provider",
            "s3_allow_unsafe_rename",
        ),
        *("iam_role_arn", "iam_role_session_name", "s3_assume_role_arn", "s3_role_session_name"),
    }
)
HOW_FAST = frozenset(
    {
        *(
            "allow_http",
            "connect_timeout",
            "timeout",
            "user_agent",
            "default_content_type",
            "disable_tagging",
            "randomize_addresses",
            "http1_only",
            "http2_only",
        ),
        *(
            "http2_keep_alive_interval",
            "http2_keep_alive_timeout",
            "http2_keep_alive_while_idle",
            "http2_max_frame_size",
            "pool_idle_timeout",
        ),
        *(
            "pool_max_idle_per_host",
            "force_credential_load",
            "s3_pool_idle_timeout_seconds",
            "sts_pool_idle_timeout_seconds",
        ),
        "s3_get_internal_server_error_retries",
    }
)
OF_DELTA_RS = OF_BOTO3_AND_DELTA_RS | WHERE_AND_HOW | HOW_FAST
"""Its options (deltalake 1.6: object_store's AmazonS3ConfigKey and ClientConfigKey, and its own). It takes each of the
process's environment that it is not told, in small letters or in great ones, with `AWS_` before it and for most
without: a variable BUCKET is one of its options."""
PREFIXES = ("AWS_", "BOTO_", "BOTOCORE_", "SPARK_", "PYSPARK_", "HADOOP_", "HDFS_", "YARN_")
"""Of AWS's SDKs, boto3 among them, and of Spark and Hadoop, whose configuration files may name an S3 as well."""
OPTIONS_OF_JAVA = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""With these any -Daws.endpointUrl… or -Dspark.hadoop.… may come in."""
NOBODYS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Every AWS SDK reads ~/.aws unless it is told of another file, and asks the machine that it runs on for credentials
unless it is told not to."""
THIS_MACHINE = ("127.0.0.1", "localhost")


def hide(environment: MutableMapping[str, str] = os.environ) -> None:
    """Takes out of the environment whatever could lead a part of an embedded lakehouse to another S3, for good: what
    this process starts inherits it."""
    for name in [name for name in environment if _leads_elsewhere(name)]:
        if environment[name] != NOBODYS.get(name):
            del environment[name]
    environment.update(NOBODYS)
    _keep_proxies_out(environment)


def refuse_division(environment: MutableMapping[str, str] = os.environ) -> None:
    """For a lakehouse in an account: raises BadConfiguration for all variables that lead delta-rs alone somewhere, or
    make it write in another way.

    What it would take without `AWS_` no other program means for it: that is taken out of the environment.
    """
    for name in [name for name in environment if name.lower() in OF_DELTA_RS]:
        del environment[name]
    faults = [f"  - {name}: {reason}" for name, reason in sorted(_faults(environment))]
    if faults:
        raise BadConfiguration(
            "These variables would divide the lakehouse between two places; unset them:\n" + "\n".join(faults)
        )


def _faults(environment: MutableMapping[str, str]) -> Iterator[tuple[str, str]]:
    ignored = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    for name in environment:
        prefix, _, option = name.lower().partition("_")
        if prefix != "aws":
            continue
        if option in WHERE_AND_HOW:
            yield name, "only delta-rs, which reads and writes the tables, knows it; boto3 does not"
        elif name != name.upper() and option in OF_BOTO3_AND_DELTA_RS:
            yield name, f"delta-rs reads it in small letters, too; boto3 only as {name.upper()}"
        elif ignored and option.startswith("endpoint_url"):
            yield name, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS makes boto3 ignore it, and delta-rs does not"


def _leads_elsewhere(name: str) -> bool:
    return name.upper().startswith(PREFIXES) or name in OPTIONS_OF_JAVA or name.lower() in OF_DELTA_RS


def _keep_proxies_out(environment: MutableMapping[str, str]) -> None:
    """What is said to this machine goes past the proxies of the environment: boto3, delta-rs, urllib and gRPC would
    send it to the proxy, which knows another 127.0.0.1."""
    told = {name: environment[name] for name in ("NO_PROXY", "no_proxy") if environment.get(name)}
    for name in ("NO_PROXY", "no_proxy"):
        # Where both are set, programs differ in which they read; where one is, it is meant for all of them.
        hosts = [host.strip() for host in told.get(name, next(iter(told.values()), "")).split(",") if host.strip()]
        # A star stands for every host, but only alone.
        environment[name] = "*" if "*" in hosts else ",".join(dict.fromkeys([*hosts, *THIS_MACHINE]))
