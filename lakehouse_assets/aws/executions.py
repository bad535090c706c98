"""Executions of the state machine, as far as landing knows them: whether one still runs (it may hold the lease), and
one started for each piece of work.
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
    """`client`: Step Functions."""

    client: Any

    def is_running(self, arn: str) -> bool:
        """Whether an execution goes on; one that nobody knows does not. Raises ClientError where Step Functions cannot
        be asked: that says nothing.
        """
        return self.look(arn).get("status") == RUNNING

    def look(self, arn: str) -> dict[str, Any]:
        """What DescribeExecution says; nothing of one that is not there."""
        try:
            return dict(self.client.describe_execution(executionArn=arn))
        except ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return {}
            raise

    def start(self, machine: str, name: str, told: Mapping[str, Any]) -> bool:
        """Starts an execution of this name. False where there is one, running or ended (names are kept for 90 days): it
        is for the same work.
        """
        try:
            self.client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(told))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return False
        return True


def execution_arn(machine: str, name: str) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:', 1)}:{name}"
