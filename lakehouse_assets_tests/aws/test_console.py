"""Links into AWS's console, spelled as AWS documents and shows them; none where there is no console."""

from __future__ import annotations

from lakehouse_assets.aws.console import Console


def test_links_name_region_and_place() -> None:
    console = Console("eu-central-1")
    s3 = "https://eu-central-1.console.aws.amazon.com/s3"
    assert (
        console.folder("s3://shop/lakehouse-dwh/orders")
        == f"{s3}/buckets/shop?region=eu-central-1&prefix=lakehouse-dwh/orders/"
    )
    assert (
        console.file("s3://shop/raw/a b+ü.csv") == f"{s3}/object/shop?region=eu-central-1&prefix=raw/a%20b%2B%C3%BC.csv"
    )
    assert console.queue("https://sqs.eu-central-1.amazonaws.com/1/q") == (
        "https://eu-central-1.console.aws.amazon.com/sqs/v3/home?region=eu-central-1#/queues/https%3A%2F%2Fsqs.eu-central-1.amazonaws.com%2F1%2Fq"
    )
    assert (
        console.glue_run("job", "jr_1")
        == "https://eu-central-1.console.aws.amazon.com/gluestudio/home?region=eu-central-1#/job/job/run/jr_1"
    )


def test_the_embedded_aws_has_no_console() -> None:
    console = Console(None)
    assert [
        console.folder("s3://a/b"),
        console.file("s3://a/b"),
        console.queue("http://q"),
        console.glue_run("job", "run"),
    ] == [None] * 4
