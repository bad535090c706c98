"""The state machine for one batch, from pending files to the success message: Amazon States Language (JSONata), built
from the contracts.

TakeLease -> Convert -> Freeze -> the datasets, level by level of their parents -> Archive -> Count -> Crawl ->
CheckTables -> Record -> Notify -> LookAgain. Every step skips what is done already, so an execution can resume a batch
that another execution left open. Any failure is recorded and published, and then ends in a Task that raises the error.
It is not a Fail state: a redrive starts at that Task, which then returns and leads to the first state. Bad data fails
at once; only errors that an outage caused are retried. The states' data (batch id, counts, reasons) has no values of
rows.
"""

from __future__ import annotations

from aws_deploy.state_machine.asl import BUSY, LAMBDA_OUTAGES, OUTAGES, State, States, chained, each_with, parallel
from aws_deploy.state_machine.table_states import check, crawl
from aws_deploy.state_machine.tasks import (
    BATCH,
    CAUSE,
    REDRIVES,
    Names,
    lambda_state,
    load_states,
    publish_state,
    step_states,
)
from lakehouse_assets.contracts import Contract, Contracts

WHOLE_SECONDS = 12 * 3600


def definition(contracts: Contracts, names: Names) -> State:
    """The whole state machine, for Step Functions' CreateStateMachine or a template."""
    batch = [
        lambda_state(names, "TakeLease", "lease", retries=[BUSY, OUTAGES]),
        step_states(names, "Convert", "convert", {}),
        lambda_state(names, "Freeze", "marker", Assign={"batch": "{% $states.result.Payload %}"}),
        {
            "IsThereWork": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $batch.batch_id = null %}", "Next": "Record"}],
            }
        },
        *(
            {f"LoadLevel{number}": parallel([load_states(names, contract) for contract in level])}
            for number, level in enumerate(levels(contracts), 1)
        ),
        step_states(names, "Archive", "archive", {"--batch": BATCH}),
        lambda_state(
            names,
            "Count",
            "count",
            Assign={name: f"{{% $states.result.Payload.{name} %}}" for name in ("written", "crawl")},
        ),
        {"Crawl": parallel([crawl(word, crawler) for word, crawler in names.crawlers.items()])},
        {
            "CheckTables": parallel(
                [check(contract, names.database, names.workgroup, names.results) for contract in contracts.values()]
            )
        },
        lambda_state(names, "Record", "record", Output="{% $states.result.Payload %}"),
    ]
    return {
        "Comment": (
            "One batch: loads the pending files of raw/ and uploads/ into the tables. Built from the contracts by"
            " aws_deploy."
        ),
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": WHOLE_SECONDS,
        "StartAt": "TakeLease",
        "States": _caught(chained(batch, "WasThereWork")) | _ending(names),
    }


def levels(contracts: Contracts) -> list[list[Contract]]:
    """Groups of datasets that can be loaded in parallel: first those without parents, then in each group those whose
    parents are all in earlier groups.
    """
    waiting, done, found = list(contracts.values()), set[str](), list[list[Contract]]()
    while waiting:
        level = [contract for contract in waiting if {parent.dataset for parent in contract.parents} <= done]
        found.append(level)
        done |= {contract.dataset for contract in level}
        waiting = [contract for contract in waiting if contract not in level]
    return found


def _ending(names: Names) -> States:
    """The states after a batch: notify the topic, then look for files that landed meanwhile, which start the next
    batch; and the states after a failure.
    """
    failure = {"step": "record", "failed": "{% $failed %}", "redrives": REDRIVES}
    both = (
        "'State ' & $failed.state & ' failed (' & $failed.error & '), and recording the failure failed too. Look at the"
        " execution ' & $states.context.Execution.Id"
    )
    unrecorded = {
        "subject": "A batch failed",
        "message": f"{{% {both} %}}",
        "error": "{% $failed.error %}",
        "redrives": REDRIVES,
    }
    raised = {
        "step": "raise",
        "error": "{% $states.input.error %}",
        "message": "{% $states.input.message %}",
        "redrives_then": "{% $states.input.redrives %}",
    }
    return {
        "WasThereWork": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $batch.batch_id = null %}", "Next": "LookAgain"}],
            "Default": "NotifySuccess",
        },
        # The tables are written and the batch is closed, so a message that cannot be published is not a failure.
        "NotifySuccess": (
            publish_state(names)
            | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "LookAgain"}], "Next": "LookAgain"}
        ),
        **each_with(
            lambda_state(names, "LookAgain", "availability", {"look_again": True}),
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
            Output={},
            Next="Done",
        ),
        "Done": {"Type": "Succeed"},
        **each_with(
            lambda_state(names, "RecordFailure", "failure", failure),
            Output="{% $states.result.Payload %}",
            Catch=[{"ErrorEquals": ["States.ALL"], "Output": unrecorded, "Next": "NotifyFailure"}],
            Next="NotifyFailure",
        ),
        "NotifyFailure": (
            publish_state(names)
            | {
                "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": "BatchFailed"}],
                "Next": "BatchFailed",
            }
        ),
        # Raises the error. In a redrive, which starts here, it returns.
        **each_with(
            lambda_state(names, "BatchFailed", "failure", raised | {"redrives_now": REDRIVES}, [LAMBDA_OUTAGES]),
            Next="TakeLease",
        ),
    }


def _caught(states: States) -> States:
    """The states with a Catch for every error, which leads to the recording of the failure with the state's name."""

    def catch(name: str) -> list[State]:
        failed = {"state": name, "error": "{% $states.errorOutput.Error %}", "cause": CAUSE}
        return [{"ErrorEquals": ["States.ALL"], "Assign": {"failed": failed}, "Output": {}, "Next": "RecordFailure"}]

    can_fail = ("Task", "Parallel")
    return {
        name: state | ({"Catch": [*state.get("Catch", []), *catch(name)]} if state["Type"] in can_fail else {})
        for name, state in states.items()
    }
