"""Fills gaps in ministack: replaces or wraps its functions, and checks first that it has every name that is used.

ministack has no plug-in interface, so its version is pinned and its internals are patched. `USED` lists every name of
ministack that this package uses. The server checks the list when it starts, so an upgrade that renames one of them
fails at once, with the names, instead of in the middle of a request. A test compares the list with the source.

Not covered, because they are keys of dictionaries and not names: the fields of ministack's records (`record["body"]`).
The test of each gap covers those.
"""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from operator import attrgetter
from types import ModuleType
from typing import Any

WORKS_WITH = "1.5.33"
"""The version of ministack that this package was written and tested for; pyproject.toml pins the same."""

# What ministack's request handlers return: the status, the headers, the body.
Response = tuple[int, dict[str, str], bytes]

USED: Mapping[str, Sequence[str]] = {
    "ministack.app": ("AUTH", "_build_persistence_save_dict", "app"),
    "ministack.core.concurrency": ("run_reentrant", "spawn_background"),
    "ministack.core.lambda_runtime": ("execution_credentials",),
    "ministack.core.persistence": ("save_all",),
    "ministack.core.responses": (
        "error_response_json",
        "error_response_xml",
        "get_account_id",
        "json_response",
        "now_iso",
    ),
    "ministack.core.sigv4": (
        "HeaderSignature",
        "SIGNATURE_MISMATCH",
        "UNSIGNED_PAYLOAD",
        "decode_header_value",
        "header_signature_failure",
        "parse_header_signature",
        "parse_query_signature",
        "presigned_request_is_expired",
        "request_time_failure",
    ),
    "ministack.services.athena": (
        "_create_named_query",
        "_data_catalogs",
        "_delete_named_query",
        "_execute_query",
        "_executions",
        "_get_query_execution",
        "_named_queries",
        "_prepared_statements",
        "_run_duckdb",
        "_start_query_execution",
        "_stop_query_execution",
        "_tags",
        "_workgroups",
        "get_state",
    ),
    "ministack.services.cloudformation": ("_stacks", "_stacks._data"),
    "ministack.services.cloudformation.changesets": ("_deploy_stack_async",),
    "ministack.services.cloudformation.handlers": ("_deploy_stack_async",),
    "ministack.services.cloudformation.provisioners": ("_RESOURCE_HANDLERS",),
    "ministack.services.glue": (
        "_batch_stop_job_run",
        "_crawlers",
        "_crawlers._data",
        "_create_job",
        "_create_table",
        "_databases",
        "_get_job_run",
        "_get_job_runs",
        "_job_runs",
        "_jobs",
        "_start_crawler",
        "_start_job_run",
        "_tables",
        "_update_job",
        "_update_table",
    ),
    "ministack.services.lambda_svc": (
        "CODE_BLOB_DIR",
        "_execute_function_warm",
        "_write_code_blob",
        "execution_credentials",
    ),
    "ministack.services.s3": (
        "DATA_DIR",
        "_VERSIONS_DIR",
        "_buckets",
        "_buckets._data",
        "_complete_multipart_upload",
        "_copy_object",
        "_create_bucket",
        "_delete_object_version",
        "_dispatch",
        "_error",
        "_get_object",
        "_get_object_data",
        "_in_account",
        "_key_history_meta",
        "_list_object_versions",
        "_multipart_uploads",
        "_object_acl",
        "_object_annotations",
        "_object_disk_path",
        "_object_meta_from_record",
        "_object_tags",
        "_object_versions",
        "_object_versions._data",
        "_other_key_disk_path",
        "_parse_range",
        "_persist_delete_marker",
        "_persist_displaced_version",
        "_persist_object",
        "_persist_version_state",
        "_purge_current_object",
        "_put_object",
        "_qp",
        "_range_error_xml",
        "_read_body",
        "_record_delete_marker",
        "_remove_key_files",
        "_url_encode",
        "_version_body",
        "_version_disk_path",
        "_version_entry_from_record",
        "_version_file_exists",
        "_xml_body",
        "load_persisted_state",
        "logger",
        "now_iso",
    ),
    "ministack.services.stepfunctions": (
        "_ExecutionError",
        "_SERVICE_DISPATCH",
        "_add_event",
        "_apply_jsonata_arguments",
        "_apply_jsonata_output",
        "_apply_output_path",
        "_apply_parameters",
        "_describe_execution",
        "_emit_execution_status_event",
        "_error_matches",
        "_execute_task",
        "_executions",
        "_fail_execution",
        "_finalize_response",
        "_invoke_aws_sdk_integration",
        "_invoke_resource",
        "_resolve_state_machine_arn",
        "_run_sub_machine",
        "_start_execution",
        "_state_machines",
        "handle_request",
    ),
    "ministack.services.sts": ("_sessions",),
}
"""By module of ministack: the names that are read, called, wrapped or replaced."""


def complaint(used: Mapping[str, Sequence[str]] = USED) -> str | None:
    """Checks that the installed ministack has these names, by module. Imports the modules.

    Returns None, or a message that lists what is missing and says what to do.
    """
    missing = [f"{module}.{name}" for module, names in used.items() for name in names if not _has(module, name)]
    if not missing:
        return None
    return (
        f"ministack {importlib.metadata.version('ministack')} lacks {', '.join(missing)}. The embedded AWS uses these"
        f" internal names and works with ministack {WORKS_WITH}: install that version (`pip install"
        f" ministack=={WORKS_WITH}`). To support another version, adapt lakehouse_assets/embedded_aws/ and its"
        " patching.py."
    )


def replace(module: ModuleType, name: str, replacement: Callable[..., Any]) -> None:
    """Replaces the function `module.name`."""
    setattr(module, name, replacement)


def wrap(module: ModuleType, name: str, wrapper: Callable[..., Any]) -> None:
    """Replaces the function `module.name` by `wrapper`, which gets the original as its first argument."""
    setattr(module, name, partial(wrapper, getattr(module, name)))


def _has(module: str, name: str) -> bool:
    try:
        attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        return False
    return True
