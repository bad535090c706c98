"""The JSON form of a manifest: today's, and that of release 0.1, which lies in buckets with an open batch or a history."""

from __future__ import annotations

import gzip
import json
from string import Template
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.freeze import freeze
from lakehouse_assets.landing.model import Manifest, Outcome, Skipped
from lakehouse_assets.landing.stored_manifest import from_json, to_json
from lakehouse_assets_tests.support import (
    PRODUCTS,
    body,
    csv_text,
    nonzero,
    outcomes,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    table_rows,
)

PLAIN = products_csv(product(1), product(2))
PACKED = gzip.compress(("\n" + csv_text(PRODUCTS, [(3, 2, 'a\nb"c', "X")], ";")).encode())
BROKEN = b"\xe9"
VERSION_1 = Template("""{
 "batch_id": "3277eb0d191cb0b1",
 "created_at": "2026-12-01T03:20:46.609+00:00",
 "files": [
  {
   "dataset": "products",
   "key": "raw/products/bad.csv",
   "version": "$bad_version",
   "etag": "3406877694691ddd1dfb0aca54681407",
   "size": 1,
   "modified": "$modified",
   "file_id": "8020d0f2678980120d896b6a",
   "source_file": "raw/products/bad.csv",
   "source_modified_at": "2026-12-01T03:20:46+00:00",
   "outcome": "quarantined",
   "reason": "is not UTF-8: byte 0xE9 at offset 0 (unexpected end of data)",
   "content": "de2e331d891ae267a7009cb45b4e8830f170e0c937288ea2731a1941c7a53b0d",
   "seen_before": false,
   "expected_rows": null,
   "header": [],
   "delimiter": ",",
   "compression": "none",
   "regular": true,
   "quoted": false,
   "multiline": false,
   "skipped_lines": 0,
   "warnings": [],
   "rows_aside": null,
   "upload_order": "",
   "sheet": 0,
   "accepted_before": null
  },
  {
   "dataset": "products",
   "key": "raw/products/p.csv",
   "version": "$p_version",
   "etag": "0f0a1db9d4b9d6dc1dabcab414482688",
   "size": 81,
   "modified": "$modified",
   "file_id": "2523d297863b974d3e5e70e5",
   "source_file": "raw/products/p.csv",
   "source_modified_at": "2026-12-01T03:20:46.000001+00:00",
   "outcome": "load",
   "reason": null,
   "content": "f5678ae3e66ae8a8531361143548efce609984f5a796faa31091dbee988299ea",
   "seen_before": false,
   "expected_rows": null,
   "header": ["product_id", "department_id", "department", "product_name"],
   "delimiter": ",",
   "compression": "none",
   "regular": true,
   "quoted": false,
   "multiline": false,
   "skipped_lines": 0,
   "warnings": [],
   "rows_aside": null,
   "upload_order": "",
   "sheet": 0,
   "accepted_before": null
  },
  {
   "dataset": "products",
   "key": "raw/products/q.csv.gz",
   "version": "$q_version",
   "etag": "$q_etag",
   "size": $q_size,
   "modified": "$modified",
   "file_id": "e3c58b7727489341c36e8f18",
   "source_file": "raw/products/q.csv.gz",
   "source_modified_at": "2026-12-01T03:20:46.000002+00:00",
   "outcome": "load",
   "reason": null,
   "content": "1de4e5a1125a96116e3d52633c429526b3231cb22456f1d12efe8f422b9b8017",
   "seen_before": false,
   "expected_rows": null,
   "header": ["product_id", "department_id", "department", "product_name"],
   "delimiter": ";",
   "compression": "gzip",
   "regular": false,
   "quoted": true,
   "multiline": true,
   "skipped_lines": 1,
   "warnings": ["the header stands in row 2; 1 row above it was skipped"],
   "rows_aside": null,
   "upload_order": "00000000000000000001-000000",
   "sheet": 0,
   "accepted_before": null
  }
 ],
 "noticed": [
  {
   "name": "raw/stray.csv",
   "outcome": "ignored",
   "reason": "lies in no dataset's folder (raw/orders/, raw/products/, raw/order_items/); left where it is",
   "rows": null
  }
 ],
 "abandoned": ["0123456789abcdef"]
}
""")
"""As release 0.1 wrote it."""
OPEN_BATCH = '{"batch_id": "3277eb0d191cb0b1"}'


def version_1(**facts: Any) -> dict[str, Any]:
    defaults = {"bad_version": "v1", "p_version": "v2", "q_version": "v3", "q_etag": "e", "q_size": 66}
    text = VERSION_1.substitute(defaults | {"modified": "2026-12-01T03:20:46+00:00"} | facts)
    return dict(json.loads(text))


def test_a_manifest_reads_back_as_it_was_written(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/stray.csv", "")
    put(lakehouse, "raw/products/bad.csv", BROKEN)
    manifest = freeze(lakehouse.zone, "any")
    assert isinstance(manifest, Manifest)
    assert manifest.skipped
    stored = json.loads(body(lakehouse, lakehouse.zone.manifest_key(manifest.batch_id)))
    assert stored["version"] == 2
    assert stored == to_json(manifest) | {"files": json.loads(json.dumps(to_json(manifest)["files"]))}
    assert lakehouse.batch(manifest.batch_id).manifest == manifest == from_json(stored, lakehouse.settings.bucket)


def test_a_manifest_of_release_0_1_is_read() -> None:
    manifest = from_json(version_1(), "bucket")
    bad, plain, packed = manifest.files
    assert (manifest.batch_id, manifest.abandoned) == ("3277eb0d191cb0b1", ("0123456789abcdef",))
    assert [(file.key, file.version.version_id, file.size) for file in manifest.files] == [
        ("raw/products/bad.csv", "v1", 1),
        ("raw/products/p.csv", "v2", 81),
        ("raw/products/q.csv.gz", "v3", 66),
    ]
    assert (bad.outcome, plain.outcome) == (Outcome.QUARANTINED, Outcome.LOAD)
    assert plain.dialect == Dialect(PRODUCTS, ",", "none", quoted=False, multiline=False)
    assert packed.dialect == Dialect(PRODUCTS, ";", "gzip", regular=False, skipped_lines=1)
    assert packed.source_modified_at.isoformat() == "2026-12-01T03:20:46.000002+00:00"
    assert packed.warnings == ("the header stands in row 2; 1 row above it was skipped",)
    assert packed.upload_order == "00000000000000000001-000000"
    [stray] = manifest.skipped
    assert (stray.name, stray.outcome, stray.rows) == ("raw/stray.csv", Outcome.IGNORED, None)
    assert isinstance(stray, Skipped)
    assert from_json(to_json(manifest), "bucket") == manifest


def test_a_batch_that_release_0_1_left_open_is_loaded_and_finished(lakehouse: Lakehouse) -> None:
    zone = lakehouse.zone
    versions = {
        "bad_version": put(lakehouse, "raw/products/bad.csv", BROKEN),
        "p_version": put(lakehouse, "raw/products/p.csv", PLAIN),
        "q_version": put(lakehouse, "raw/products/q.csv.gz", PACKED),
    }
    found = {version.key: version for version in zone.store.waiting("raw/")}
    packed = found["raw/products/q.csv.gz"]
    open_batch = version_1(**versions, q_etag=packed.etag, q_size=packed.size, modified=packed.modified.isoformat())
    zone.store.put_json(zone.manifest_key("3277eb0d191cb0b1"), open_batch)
    zone.store.put_json(zone.open_batch_key, json.loads(OPEN_BATCH))
    report = ran(lakehouse)
    assert report["batch_id"] == "3277eb0d191cb0b1"
    assert nonzero(report["datasets"]["products"]) == {"read": 3, "inserted": 3}
    assert outcomes(report) == {
        "bad.csv": "quarantined",
        "p.csv": "loaded",
        "q.csv.gz": "loaded",
        "stray.csv": "ignored",
    }
    assert [row[:2] for row in table_rows(lakehouse, "products", "product_id", "department")] == [
        (1, "Books"),
        (2, "Books"),
        (3, 'a\nb"c'),
    ]
    assert zone.store.waiting("raw/") == []
    assert zone.store.get_json(zone.open_batch_key) is None


def test_a_manifest_of_a_newer_release_says_to_upgrade(lakehouse: Lakehouse) -> None:
    zone = lakehouse.zone
    zone.store.put_json(zone.manifest_key("abc"), {"version": 3, "batch_id": "abc"})
    with pytest.raises(BadConfiguration, match=r"batch abc has format version 3; .* up to 2\. .*install that release"):
        lakehouse.batch("abc")
