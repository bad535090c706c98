"""The states after a batch is loaded: the crawlers and the checks by Athena. Each function makes one branch."""

from __future__ import annotations

import json
from typing import Any

from aws_deploy.state_machine.asl import (
    ATHENA_OUTAGES,
    ATHENA_UNNAMED,
    CRAWLER_BUSY,
    GLUE_OUTAGES,
    GLUE_UNNAMED,
    State,
    States,
    camel,
)
from lakehouse_assets.catalog.checks import BATCH_COUNTS, KEY_UNIQUE, NO_ORPHANS, NOT_EMPTY, checks_sql
from lakehouse_assets.contracts import Contract

ATHENA_SECONDS = 1800
CALL_SECONDS = 60
CRAWL_LOOKS, SECONDS_BETWEEN_LOOKS = 240, 15
BATCH_PLACE = "<batch>"
"""The placeholder in the checks' SQL for the batch's id."""


def crawl(word: str, crawler: str) -> States:
    """The states of one crawler: if there is something to register, start it, wait for its end, and check the
    outcome.
    """
    found = (
        "{% {'state': $states.result.Crawler.State, 'status': $states.result.Crawler.LastCrawl.Status, 'why':"
        " $states.result.Crawler.LastCrawl.ErrorMessage, 'looks': ($exists($states.input.looks) ? $states.input.looks :"
        " 0) + 1} %}"
    )

    def call(action: str, **fields: Any) -> State:
        task = {
            "Type": "Task",
            "Resource": f"arn:aws:states:::aws-sdk:glue:{action}",
            "Arguments": {"Name": crawler},
            "TimeoutSeconds": CALL_SECONDS,
        }
        return task | fields

    return {
        f"IsToCrawl{word}": {
            "Type": "Choice",
            "Choices": [{"Condition": f"{{% $crawl.{word} %}}", "Next": f"StartCrawler{word}"}],
            "Default": f"Crawled{word}",
        },
        f"StartCrawler{word}": call(
            "startCrawler", Retry=[CRAWLER_BUSY, GLUE_OUTAGES, GLUE_UNNAMED], Output={}, Next=f"Wait{word}"
        ),
        f"Wait{word}": {"Type": "Wait", "Seconds": SECONDS_BETWEEN_LOOKS, "Next": f"LookAtCrawler{word}"},
        f"LookAtCrawler{word}": call(
            "getCrawler", Retry=[GLUE_OUTAGES, GLUE_UNNAMED], Output=found, Next=f"IsCrawled{word}"
        ),
        f"IsCrawled{word}": {
            "Type": "Choice",
            "Choices": [
                {"Condition": f"{{% $states.input.looks > {CRAWL_LOOKS} %}}", "Next": f"CrawlFailed{word}"},
                {"Condition": "{% $states.input.state != 'READY' %}", "Next": f"Wait{word}"},
                {"Condition": "{% $states.input.status = 'SUCCEEDED' %}", "Next": f"Crawled{word}"},
            ],
            "Default": f"CrawlFailed{word}",
        },
        f"Crawled{word}": {"Type": "Succeed"},
        f"CrawlFailed{word}": {
            "Type": "Fail",
            "Error": "CrawlFailed",
            "Cause": (
                f"{{% 'Crawler {crawler} is ' & $states.input.state & ', its last crawl ' & $states.input.status & ': '"
                " & $states.input.why %}"
            ),
        },
    }


def check(contract: Contract, database: str, workgroup: str, results: str) -> States:
    """The states that check one dataset's table: they read its numbers and compare them as
    lakehouse_assets.catalog.checks does.
    """
    word, dataset = camel(contract.dataset), contract.dataset
    sql = f"{{% $replace({json.dumps(checks_sql(contract, BATCH_PLACE))}, '{BATCH_PLACE}', $batch.batch_id) %}}"
    compared = f"""{{% (
        $numbers := $states.result.ResultSet.Rows[1].Data.VarCharValue.$number();
        $rows := $numbers[0]; $keys := $numbers[1]; $of_batch := $numbers[2]; $orphans := $numbers[3];
        $wrote := $lookup($written, '{dataset}');
        {{'failed': [
            $rows = 0 and $wrote > 0 ? '{NOT_EMPTY}: the table is empty',
            $rows != $keys ? '{KEY_UNIQUE}: ' & $rows & ' rows, ' & $keys & ' distinct values of {contract.key_in_words}',
            $orphans > 0 ? '{NO_ORPHANS}: ' & $orphans & ' rows without a parent',
            $of_batch != $wrote ? '{BATCH_COUNTS}: ' & $of_batch & ' rows of this batch in the table, ' & $wrote & ' written'
        ]}}
    ) %}}"""
    query = {
        "QueryString": sql,
        "QueryExecutionContext": {"Database": database},
        "WorkGroup": workgroup,
        "ResultConfiguration": {"OutputLocation": results},
    }
    return {
        f"Ask{word}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::athena:startQueryExecution.sync",
            "Arguments": query,
            "TimeoutSeconds": ATHENA_SECONDS,
            "Retry": [ATHENA_OUTAGES, ATHENA_UNNAMED],
            "Output": "{% {'query': $states.result.QueryExecution.QueryExecutionId} %}",
            "Next": f"Compare{word}",
        },
        f"Compare{word}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::athena:getQueryResults",
            "Arguments": {"QueryExecutionId": "{% $states.input.query %}"},
            "TimeoutSeconds": CALL_SECONDS,
            "Retry": [ATHENA_OUTAGES, ATHENA_UNNAMED],
            "Output": " ".join(compared.split()),
            "Next": f"IsSound{word}",
        },
        f"IsSound{word}": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $count($states.input.failed) = 0 %}", "Next": f"Sound{word}"}],
            "Default": f"CheckFailed{word}",
        },
        f"Sound{word}": {"Type": "Succeed"},
        f"CheckFailed{word}": {
            "Type": "Fail",
            "Error": "CheckFailed",
            "Cause": f"{{% '{dataset}: ' & $join($states.input.failed, '; {dataset}: ') %}}",
        },
    }
