"""Prevents environment variables from dividing a lakehouse between two S3s: rows in one, their records in the other.

boto3, delta-rs and Spark read different variables and files to find S3. So an embedded lakehouse removes all of them
from the environment of this process and its children, and a lakehouse in an account refuses variables that only one of
the three reads.
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
"""The options of delta-rs (deltalake 1.6: object_store's AmazonS3ConfigKey and ClientConfigKey, and its own). It reads
each option that is not given from the environment, in lower or upper case, with the prefix `AWS_` and for most options
also without: a variable BUCKET sets an option.
"""
PREFIXES = ("AWS_", "BOTO_", "BOTOCORE_", "SPARK_", "PYSPARK_", "HADOOP_", "HDFS_", "YARN_")
"""Prefixes of variables of AWS's SDKs, including boto3, and of Spark and Hadoop, whose configuration files can name an
S3, too.
"""
OPTIONS_OF_JAVA = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
"""These can contain any -Daws.endpointUrl… or -Dspark.hadoop.…."""
NOBODYS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Without these, every AWS SDK reads ~/.aws, and asks the machine's metadata service for credentials."""
THIS_MACHINE = ("127.0.0.1", "localhost")


def hide(environment: MutableMapping[str, str] = os.environ) -> None:
    """Removes from the environment, permanently, every variable that could lead a part of an embedded lakehouse to
    another S3. Child processes inherit the result.
    """
    for name in [name for name in environment if _leads_elsewhere(name)]:
        if environment[name] != NOBODYS.get(name):
            del environment[name]
    environment.update(NOBODYS)
    _keep_proxies_out(environment)


def refuse_division(environment: MutableMapping[str, str] = os.environ) -> None:
    """For a lakehouse in an account: raises BadConfiguration that names all variables which only delta-rs reads and
    which change where or how it writes.

    Options that delta-rs reads without `AWS_` (such as BUCKET) are meant for other programs: they are removed from the
    environment.
    """
    for name in [name for name in environment if name.lower() in OF_DELTA_RS]:
        del environment[name]
    faults = [f"  - {name}: {reason}" for name, reason in sorted(_faults(environment))]
    if faults:
        raise BadConfiguration(
            "These variables would divide the lakehouse between two S3s. Unset them:\n" + "\n".join(faults)
        )


def _faults(environment: MutableMapping[str, str]) -> Iterator[tuple[str, str]]:
    ignored = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    for name in environment:
        prefix, _, option = name.lower().partition("_")
        if prefix != "aws":
            continue
        if option in WHERE_AND_HOW:
            yield name, "only delta-rs, which reads and writes the tables, uses it; boto3 does not"
        elif name != name.upper() and option in OF_BOTO3_AND_DELTA_RS:
            yield name, f"delta-rs also reads it in lower case; boto3 reads only {name.upper()}"
        elif ignored and option.startswith("endpoint_url"):
            yield name, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS makes boto3 ignore it, but delta-rs uses it"


def _leads_elsewhere(name: str) -> bool:
    return name.upper().startswith(PREFIXES) or name in OPTIONS_OF_JAVA or name.lower() in OF_DELTA_RS


def _keep_proxies_out(environment: MutableMapping[str, str]) -> None:
    """Exempts this machine from the environment's proxies. boto3, delta-rs, urllib and gRPC would send requests for
    127.0.0.1 to the proxy, where the address means the proxy's own machine.
    """
    configured = {name: environment[name] for name in ("NO_PROXY", "no_proxy") if environment.get(name)}
    for name in ("NO_PROXY", "no_proxy"):
        # If both are set, programs differ in which one they read. If only one is, it applies to all programs.
        configured_hosts = configured.get(name, next(iter(configured.values()), ""))
        hosts = [host.strip() for host in configured_hosts.split(",") if host.strip()]
        # A star means every host, but only if it stands alone.
        environment[name] = "*" if "*" in hosts else ",".join(dict.fromkeys([*hosts, *THIS_MACHINE]))
