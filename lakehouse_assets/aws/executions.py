"""Executions of the state machine: whether one is still running (it may hold the lease), and starting one for each set
of pending files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

GONE = {"ExecutionDoesNotExist"}
RUNNING = "RUNNING"


@dataclass(frozen=True)
class Executions:
    """`client`: boto3's client of Step Functions."""

    client: Any

    def is_running(self, arn: str) -> bool:
        """Whether an execution is running; False if it does not exist. Raises ClientError if Step Functions does not
        answer: then the state is not known.
        """
        return self.look(arn).get("status") == RUNNING

    def look(self, arn: str) -> dict[str, Any]:
        """DescribeExecution's answer; empty if the execution does not exist."""
        try:
            return dict(self.client.describe_execution(executionArn=arn))
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return {}
            raise

    def start(self, machine: str, name: str, payload: Mapping[str, Any]) -> bool:
        """Starts an execution with this name and input. Returns False if one of this name exists, running or ended: it
        is for the same files. (Step Functions keeps names for 90 days.)
        """
        try:
            self.client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(payload))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return False
        return True


def execution_arn(machine: str, name: str) -> str:
    """The ARN of an execution, from its state machine's ARN and its name."""
    return f"{machine.replace(':stateMachine:', ':execution:', 1)}:{name}"
