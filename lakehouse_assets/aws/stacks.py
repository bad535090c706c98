"""Creates, updates and removes CloudFormation stacks, in an AWS account and in the embedded AWS.

If a stack fails, the error names the resources that failed and the reasons, which are otherwise only in the stack's
events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from lakehouse_assets.aws.client import failures_named, pauses
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.settings import Settings

PARAMETERS = {
    "bucket": "BucketName",
    "database": "DatabaseName",
    "workgroup": "WorkgroupName",
    "queue": "QueueName",
    "topic": "TopicName",
    "raw_prefix": "RawPrefix",
    "uploads_prefix": "UploadsPrefix",
    "tables_prefix": "TablesPrefix",
    "rejected_prefix": "RejectedPrefix",
    "archive_prefix": "ArchivePrefix",
    "control_prefix": "ControlPrefix",
}
"""Settings of the lakehouse, and the parameters of both templates for them."""

MOST_BYTES_IN_A_CALL = 51_200
"""CloudFormation's limit for a template in a call. A longer one has to be in S3."""
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
HOLD_DATA = {"AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue", "AWS::Glue::Database", "AWS::RDS::DBInstance"}
"""Types of resources that an update must not remove or replace: they hold files, the key to encrypted data, messages,
the catalog's tables, Dagster's history.
"""
FAILED_BEFORE_IT_WAS_MADE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS"}
"""States of a stack whose creation failed. CloudFormation requires that it is deleted before it is created again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
MOST_SECONDS_UNDER_WAY = 3600.0

Stack = dict[str, Any]
"""A stack in the form of DescribeStacks."""
Log = Callable[[str], None]


def no_output(_: str) -> None:
    """A Log that discards its lines."""
    return


def bring_up(
    cloudformation: Any,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    log: Log = no_output,
    put: Callable[[str], str] | None = None,
) -> dict[str, str]:
    """Creates the stack, or updates it if the template or the parameters differ. Returns its outputs.

    `log` gets a line for each state of the stack. `put` uploads a template to S3 and returns its URL; it is called if
    the template is too long for a call. Raises BadConfiguration with the resources that failed and the reasons; the
    stack is then as it was before.
    """
    with failures_named(f"Deploying stack {name}"):
        wanted: dict[str, Any] = {
            "StackName": name,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
        }
        wanted |= {"Capabilities": CAPABILITIES} | _place(template, put)
        found = _settled(cloudformation, name, log)
        if found is not None and found["StackStatus"] in FAILED_BEFORE_IT_WAS_MADE:
            bring_down(cloudformation, name, log)
            found = None
        if found is None:
            # Retained resources are kept when the stack is deleted, but not when its creation fails.
            cloudformation.create_stack(**wanted, OnFailure="ROLLBACK", RetainExceptOnCreate=True)
        elif not _updated(cloudformation, wanted, log):
            return _outputs(found)
        ended = _settled(cloudformation, name, log)
        if ended is None or ended["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise BadConfiguration(
                f"Stack {name} could not be deployed, and is as it was before:\n"
                + "\n".join(_failures(cloudformation, name))
            )
        return _outputs(ended)


def bring_down(cloudformation: Any, name: str, log: Log = no_output) -> None:
    """Deletes the stack and its resources, except those that the template retains. A stack that does not exist is not
    an error.

    Raises BadConfiguration with the resources that could not be deleted.
    """
    with failures_named(f"Removing stack {name}"):
        if (found := _settled(cloudformation, name, log)) is None:
            return
        cloudformation.delete_stack(StackName=name)
        # By its id: a deleted stack cannot be found by name.
        ended = _settled(cloudformation, found["StackId"], log)
        if ended is not None and ended["StackStatus"] != "DELETE_COMPLETE":
            raise BadConfiguration(f"Stack {name} could not be removed:\n" + "\n".join(_failures(cloudformation, name)))


def outputs_of(cloudformation: Any, name: str) -> dict[str, str] | None:
    """The outputs of a stack; None if it does not exist."""
    with failures_named(f"Looking at stack {name}"):
        found = _described(cloudformation, name)
    return None if found is None else _outputs(found)


def deployed_parameters(cloudformation: Any, name: str) -> dict[str, str] | None:
    """The parameters of a deployed stack; None if it does not exist, or if its creation failed."""
    with failures_named(f"Looking at stack {name}"):
        found = _described(cloudformation, name)
    if found is None or found["StackStatus"] in FAILED_BEFORE_IT_WAS_MADE:
        return None
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in found.get("Parameters", [])}


def _place(template: str, put: Callable[[str], str] | None) -> dict[str, str]:
    if len(template.encode()) <= MOST_BYTES_IN_A_CALL or put is None:
        return {"TemplateBody": template}
    return {"TemplateURL": put(template)}


def _updated(cloudformation: Any, wanted: Mapping[str, Any], log: Log) -> bool:
    _refuse_loss(wanted["StackName"], _changes(cloudformation, wanted), log)
    try:
        cloudformation.update_stack(**wanted)
    except ClientError as error:
        # CloudFormation reports it only by this message.
        if "No updates are to be performed" in error.response["Error"]["Message"]:
            return False
        raise
    return True


def _changes(cloudformation: Any, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes that an update would make to resources, from a change set that is deleted again. Empty if
    CloudFormation cannot make one: there is nothing to change, or the update itself will give the reason.
    """
    change_set = cloudformation.create_change_set(
        **wanted, ChangeSetName=f"look-{uuid4().hex}", ChangeSetType="UPDATE"
    )["Id"]
    try:
        for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
            page = cloudformation.describe_change_set(ChangeSetName=change_set)
            if page["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                break
            time.sleep(pause)
        found = list(page.get("Changes", []))
        while page.get("NextToken"):
            page = cloudformation.describe_change_set(ChangeSetName=change_set, NextToken=page["NextToken"])
            found += page.get("Changes", [])
    finally:
        cloudformation.delete_change_set(ChangeSetName=change_set)
    return [change["ResourceChange"] for change in found if "ResourceChange" in change]


def _refuse_loss(name: str, changes: list[dict[str, Any]], log: Log) -> None:
    """Raises BadConfiguration if an update would remove or replace a resource that holds data. (A retained one is kept,
    but is then not used any more.) Logs other resources that are removed or replaced.
    """
    replaced = [change for change in changes if change["Action"] == "Remove" or change.get("Replacement") == "True"]
    lost = [
        f"  - {change['LogicalResourceId']} ({change['ResourceType']})"
        for change in replaced
        if change["ResourceType"] in HOLD_DATA
    ]
    if lost:
        raise BadConfiguration(
            f"Stack {name} was not updated: the update would remove or replace resources that hold data:\n"
            + "\n".join(lost)
            + "\n`make diff` shows the differences. Use the settings of the existing deployment, or deploy a second one"
            " under other names."
        )
    if replaced:
        log(f"Stack {name} removes or replaces: {', '.join(change['LogicalResourceId'] for change in replaced)}")


def _settled(cloudformation: Any, name: str, log: Log) -> Stack | None:
    """Waits until no operation is in progress, and returns the stack; None if it does not exist. Logs each state.

    Raises TemporaryOutage after MOST_SECONDS_UNDER_WAY.
    """
    logged, waited = None, 0.0
    for pause in pauses(FIRST_PAUSE, LONGEST_PAUSE):
        found = _described(cloudformation, name)
        if (
            found is None
            or not found["StackStatus"].endswith("_IN_PROGRESS")
            or found["StackStatus"] == "REVIEW_IN_PROGRESS"
        ):
            return found
        if found["StackStatus"] != logged:
            logged = found["StackStatus"]
            log(f"Stack {found['StackName']}: {logged}")
        if waited > MOST_SECONDS_UNDER_WAY:
            raise TemporaryOutage(
                f"Stack {found['StackName']} has been {logged} for {waited / 60:.0f} minutes. Look at its events in"
                " CloudFormation, and run the command again once the operation has ended."
            )
        waited += pause
        time.sleep(pause)
    raise AssertionError("pauses do not end")


def _described(cloudformation: Any, name: str) -> Stack | None:
    try:
        return dict(cloudformation.describe_stacks(StackName=name)["Stacks"][0])
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def _outputs(stack: Stack) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _failures(cloudformation: Any, name: str) -> list[str]:
    """A line for each resource that failed in the last operation, in order of time, without those that were cancelled
    because of another failure.
    """
    failures: list[str] = []
    # A page has a hundred events, the latest first. In a large stack, the failure is pages behind the rollback's
    # events.
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    for event in (event for page in pages for event in page["StackEvents"]):
        status, reason = event["ResourceStatus"], event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and "cancelled" not in reason:
            failures.append(f"  - {event['LogicalResourceId']} ({event['ResourceType']}): {reason}")
        if event["ResourceType"] == "AWS::CloudFormation::Stack" and reason == "User Initiated":
            break
    return failures[::-1] or ["  - CloudFormation gives no reason. Its console shows the stack's events."]


def parameters_of(settings: Settings) -> dict[str, str]:
    """The templates' parameters for these settings."""
    return {parameter: str(getattr(settings, setting)) for setting, parameter in PARAMETERS.items()}
