"""Code and contracts lie in the bucket once per content, and what a run began with stays."""

from __future__ import annotations

from pathlib import Path

from lakehouse_assets import glue_entry_point
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.etl.engines.spark.session import LOG_STORE
from lakehouse_assets.glue.uploads import upload_code, upload_contracts
from lakehouse_assets_tests.support import ClientWith, body, keys


def key_of(lakehouse: Lakehouse, location: str) -> str:
    return location.removeprefix(f"s3://{lakehouse.settings.bucket}/")


def test_the_code_is_uploaded_once(lakehouse: Lakehouse) -> None:
    store = lakehouse.zone.store
    code = upload_code(store, "control/", "boto3==1")
    assert code.modules == "boto3==1"
    assert body(lakehouse, key_of(lakehouse, code.script)) == Path(glue_entry_point.__file__).read_bytes()
    assert sorted(keys(lakehouse, "control/code/")) == sorted(
        key_of(lakehouse, location) for location in (code.script, code.wheel, code.log_store)
    )
    assert body(lakehouse, key_of(lakehouse, code.log_store)) == LOG_STORE.read_bytes()

    def refuse(**_: object) -> None:
        raise AssertionError("it is there already")

    store.s3 = ClientWith(store.s3, put_object=refuse)
    assert upload_code(store, "control/", "boto3==1") == code


def test_each_state_of_the_contracts_has_a_folder_of_its_own(lakehouse: Lakehouse, tmp_path: Path) -> None:
    for document in SHIPPED.glob("*.odcs.yaml"):
        (tmp_path / document.name).write_bytes(document.read_bytes())
    (tmp_path / "notes.txt").write_text("no contract")
    store = lakehouse.zone.store

    first = upload_contracts(store, "control/", tmp_path)
    (tmp_path / "orders.odcs.yaml").write_text("changed")
    second = upload_contracts(store, "control/", tmp_path)

    names = ("order_items.odcs.yaml", "orders.odcs.yaml", "products.odcs.yaml")
    for folder, orders in ((first, (SHIPPED / "orders.odcs.yaml").read_bytes()), (second, b"changed")):
        assert folder.endswith("/")
        assert keys(lakehouse, key_of(lakehouse, folder)) == [key_of(lakehouse, folder) + name for name in names]
        assert body(lakehouse, key_of(lakehouse, folder) + "orders.odcs.yaml") == orders
    assert upload_contracts(store, "control/", SHIPPED) == first
