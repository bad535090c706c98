"""Gap: a crawler of ministack runs for five seconds and creates nothing. Here it registers the Delta tables of its
targets.

A folder without a Delta table, or one that the embedded Athena cannot read, makes the crawl FAILED with the reason in
LastCrawl, after the other tables are registered. So do targets of other kinds. Of SchemaChangePolicy only
UpdateBehavior has an effect.
"""

import time
from typing import Any
from uuid import uuid4

from ministack.core.concurrency import spawn_background  # type: ignore[import-untyped]
from ministack.core.responses import error_response_json, json_response  # type: ignore[import-untyped]
from ministack.services import glue  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, replace


def fill() -> None:
    """Makes crawlers register tables."""
    replace(glue, "_start_crawler", _start_crawler)


def _start_crawler(request: dict[str, Any]) -> Response:
    name = request.get("Name")
    crawler = glue._crawlers.get(name)
    if crawler is None:
        return _error("EntityNotFoundException", f"Crawler {name} not found")
    if crawler["State"] != "READY":
        return _error("CrawlerRunningException", f"Crawler with name {name} has already started")
    crawler.update(State="RUNNING", CrawlElapsedTime=0)
    spawn_background(_crawl, crawler, thread_name=f"crawler-{name}")
    response: Response = json_response({})
    return response


def _crawl(crawler: dict[str, Any]) -> None:
    started = time.time()
    problems = ["the embedded AWS failed while crawling; its log says why"]
    try:
        # Imported at the first crawl, because it imports delta-rs.
        from lakehouse_assets.embedded_aws.glue.crawled_tables import register_targets

        problems = register_targets(crawler)
    finally:
        crawl = {
            "Status": "FAILED" if problems else "SUCCEEDED",
            "LogGroup": "/aws-glue/crawlers",
            "LogStream": crawler["Name"],
            "MessagePrefix": str(uuid4()),
            "StartTime": started,
        }
        if problems:
            crawl["ErrorMessage"] = "; ".join(problems)
        crawler.update(LastCrawl=crawl, CrawlElapsedTime=round((time.time() - started) * 1000), State="READY")


def _error(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response
