import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadData
from lakehouse_assets.landing import store as store_module
from lakehouse_assets.landing.model import FileVersion
from lakehouse_assets.landing.store import Store
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets_tests.support import ClientWith, body, keys, next_second, put

pytestmark = pytest.mark.every_s3


@pytest.fixture
def store(lakehouse: Lakehouse) -> Store:
    return lakehouse.zone.store


def only_waiting(store: Store, prefix: str = "raw/") -> FileVersion:
    [version] = store.waiting(prefix)
    return version


def contents(store: Store, tmp_path: Path, prefix: str = "raw/") -> list[bytes]:
    """The waiting versions' contents, in the order in which they wait."""
    found = []
    for number, version in enumerate(store.waiting(prefix)):
        store.download(version, tmp_path / str(number))
        found.append((tmp_path / str(number)).read_bytes())
    return found


# What waits


def test_a_version_that_waits_has_its_key_version_etag_size_and_time(lakehouse: Lakehouse, store: Store) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    version = put(lakehouse, "raw/products/a b+%.csv", b"abc")
    waiting = only_waiting(store)
    assert (waiting.bucket, waiting.key, waiting.version_id, waiting.size) == (
        lakehouse.settings.bucket,
        "raw/products/a b+%.csv",
        version,
        3,
    )
    assert waiting.etag == hashlib.md5(b"abc").hexdigest()
    assert before <= waiting.modified <= datetime.now(UTC)


def test_an_object_overwritten_before_it_was_read_waits_in_both_versions_oldest_first(
    lakehouse: Lakehouse, store: Store, tmp_path: Path
) -> None:
    for content in (b"one", b"two", b"three"):
        put(lakehouse, "raw/a.csv", content)
    assert contents(store, tmp_path) == [b"one", b"two", b"three"]


def test_a_deleted_object_does_not_wait_and_deleting_withdraws_what_came_before(
    lakehouse: Lakehouse, store: Store, tmp_path: Path
) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    next_second()
    store.s3.delete_object(Bucket=store.bucket, Key="raw/a.csv")
    assert store.waiting("raw/") == []
    put(lakehouse, "raw/a.csv", b"two")
    put(lakehouse, "raw/a.csv", b"three")
    assert contents(store, tmp_path) == [b"two", b"three"]


def test_folders_do_not_wait_and_other_prefixes_are_not_looked_at(lakehouse: Lakehouse, store: Store) -> None:
    put(lakehouse, "raw/products/", b"")
    put(lakehouse, "raws/products/a.csv", b"x")
    assert store.waiting("raw/") == []


def test_more_versions_than_a_page_holds_are_all_listed(lakehouse: Lakehouse, store: Store, tmp_path: Path) -> None:
    for content in (b"one", b"two", b"three"):
        put(lakehouse, "raw/a.csv", content)
    put(lakehouse, "raw/b.csv", b"four")
    versions = store.s3.get_paginator("list_object_versions")

    class PagesOfTwo:
        def paginate(self, **request: Any) -> Any:
            return versions.paginate(**request, PaginationConfig={"PageSize": 2})

    paged = Store(ClientWith(store.s3, get_paginator=lambda _: PagesOfTwo()), store.bucket)
    assert contents(paged, tmp_path) == [b"one", b"two", b"three", b"four"]


def test_of_two_versions_in_one_second_the_newer_is_the_later_one(lakehouse: Lakehouse, store: Store) -> None:
    """S3 gives whole seconds. Unless one is moved on, the row's content would decide which of the two wins."""
    first, second = (put(lakehouse, "raw/a.csv", content) for content in (b"one", b"two"))
    moment = datetime(2025, 4, 1, 11, 27, tzinfo=UTC)
    pages = list(store.s3.get_paginator("list_object_versions").paginate(Bucket=store.bucket, Prefix="raw/"))
    for page in pages:
        page["Versions"] = [{**item, "LastModified": moment} for item in page["Versions"]]

    class Pages:
        def paginate(self, **_: Any) -> list[Any]:
            return pages

    older, newer = Store(ClientWith(store.s3, get_paginator=lambda _: Pages()), store.bucket).waiting("raw/")
    assert (older.version_id, newer.version_id) == (first, second)
    assert older.modified == moment < newer.modified


def test_in_whole_seconds_too_deleting_withdraws_what_came_before_and_nothing_that_came_after(
    lakehouse: Lakehouse, store: Store, tmp_path: Path
) -> None:
    """Put, withdrawn, put again and overwritten in one second: by the times nobody can tell the version before the
    delete marker from those after it.
    """
    put(lakehouse, "raw/a.csv", b"withdrawn")
    store.s3.delete_object(Bucket=store.bucket, Key="raw/a.csv")
    for content in (b"one", b"two"):
        put(lakehouse, "raw/a.csv", content)
    put(lakehouse, "raw/a.csv.gz", b"another")
    moment = datetime(2025, 4, 1, 11, 27, tzinfo=UTC)
    real = store.s3.get_paginator("list_object_versions")

    class InOneSecond:
        def paginate(self, **request: Any) -> Any:
            for page in real.paginate(**request):
                for item in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
                    item["LastModified"] = moment
                yield page

    of_s3 = Store(ClientWith(store.s3, get_paginator=lambda _: InOneSecond()), store.bucket)
    assert contents(of_s3, tmp_path) == [b"one", b"two", b"another"]


def test_without_versions_content_and_time_tell_versions_apart(unversioned: Lakehouse) -> None:
    store = unversioned.zone.store
    put(unversioned, "raw/a.csv", b"one")
    first = only_waiting(store)
    put(unversioned, "raw/a.csv", b"two")
    second = only_waiting(store)
    assert first.version_id == second.version_id == "null"
    assert first.file_id != second.file_id
    assert only_waiting(store).file_id == second.file_id


# Reading


def test_an_older_version_is_read_by_its_id(lakehouse: Lakehouse, store: Store, tmp_path: Path) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)
    put(lakehouse, "raw/a.csv", b"two")
    store.download(version, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_without_versions_an_overwritten_object_is_never_read_in_the_place_of_the_old_one(
    unversioned: Lakehouse, tmp_path: Path
) -> None:
    store = unversioned.zone.store
    put(unversioned, "raw/a.csv", b"one")
    version = only_waiting(store)
    put(unversioned, "raw/a.csv", b"two")
    with pytest.raises(BadData, match=r"raw/a\.csv .* was deleted or overwritten before it was read"):
        store.download(version, tmp_path / "a")
    with pytest.raises(BadData, match="was deleted or overwritten"):
        store.metadata(version)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_gone_is_named(lakehouse: Lakehouse, store: Store, tmp_path: Path) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)
    store.s3.delete_object(Bucket=store.bucket, Key=version.key, VersionId=version.version_id)
    with pytest.raises(BadData, match=rf"raw/a\.csv \(version {version.version_id}\) was deleted"):
        store.download(version, tmp_path / "a")


def test_a_download_that_breaks_off_leaves_nothing_under_the_name(
    lakehouse: Lakehouse, store: Store, tmp_path: Path
) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)

    class Broken:
        def iter_chunks(self, _size: int) -> Any:
            yield b"on"
            raise ConnectionResetError

    broken = Store(ClientWith(store.s3, get_object=lambda **_: {"Body": Broken()}), store.bucket)
    with pytest.raises(ConnectionResetError):
        broken.download(version, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    store.download(version, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_two_downloads_of_one_version_at_once_both_end_with_the_whole_of_it(
    lakehouse: Lakehouse, store: Store, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 20_000
    put(lakehouse, "raw/a.csv", content)
    version = only_waiting(store)
    together = Barrier(4)

    def download(_: int) -> bool:
        together.wait()
        store.download(version, tmp_path / "a")
        return (tmp_path / "a").read_bytes() == content

    assert in_parallel(download, range(4)) == [True] * 4


# Writing


def test_a_conditional_write_has_one_winner(store: Store) -> None:
    together = Barrier(12)

    def create(number: int) -> bool:
        together.wait()
        return store.create_json("control/one.json", {"winner": number})

    won = in_parallel(create, range(12))
    assert sum(won) == 1
    assert store.get_json("control/one.json") == {"winner": won.index(True)}


class MetAnother:
    """An S3 client whose first puts are answered 409: another write on a condition is under way. `meanwhile`: what that
    one does.
    """

    def __init__(self, s3: Any, times: int, meanwhile: Callable[[], Any] = lambda: None) -> None:
        self.s3, self.left, self.meanwhile = s3, times, meanwhile

    def __call__(self, **request: Any) -> Any:
        if not self.left:
            return self.s3.put_object(**request)
        self.left -= 1
        if hasattr(request["Body"], "read"):
            request["Body"].read()
        if not self.left:
            self.meanwhile()
        raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject")


@pytest.mark.parametrize("body_of", [lambda content: content, BytesIO], ids=["bytes", "file"])
def test_a_write_that_met_another_is_done_where_its_condition_holds_after_all(
    lakehouse: Lakehouse, store: Store, body_of: Callable[[bytes], Any]
) -> None:
    met = Store(ClientWith(store.s3, put_object=MetAnother(store.s3, 2)), store.bucket)
    assert met.create("control/a", body_of(b"whole"), {})
    assert body(lakehouse, "control/a") == b"whole"


def test_a_write_that_met_another_is_refused_where_that_one_was_done(store: Store) -> None:
    met = Store(
        ClientWith(store.s3, put_object=MetAnother(store.s3, 1, lambda: store.put_json("control/a.json", "other"))),
        store.bucket,
    )
    assert not met.create_json("control/a.json", "own")
    assert store.get_json("control/a.json") == "other"


def test_a_json_that_met_another_write_is_replaced_where_it_is_as_it_was(store: Store) -> None:
    etag = store.replace_json("control/a.json", 1, None)
    met = Store(ClientWith(store.s3, put_object=MetAnother(store.s3, 1)), store.bucket)
    assert met.replace_json("control/a.json", 2, etag)
    assert store.get_json("control/a.json") == 2


def test_a_write_that_meets_others_without_end_says_nothing_of_its_condition(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "PAUSES", (0, 0))
    met = Store(ClientWith(store.s3, put_object=MetAnother(store.s3, 3)), store.bucket)
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        met.create_json("control/a.json", "own")
    assert not store.exists("control/a.json")


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get_json("control/nothing.json") is None
    assert store.head("control/nothing.json") is None
    assert not store.exists("control/nothing.json")


def test_an_error_other_than_absence_is_not_taken_for_absence(store: Store) -> None:
    nowhere = Store(store.s3, "no-such-bucket-anywhere")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        nowhere.get_json("control/x.json")


# Moving


@pytest.mark.parametrize("size", [10, 9_000_000], ids=["one_call", "in_parts"])
def test_a_moved_file_keeps_its_senders_tags(lakehouse: Lakehouse, store: Store, size: int) -> None:
    """In one call S3 copies them by itself, in parts nobody does unless boto3 is told to."""
    put(lakehouse, "raw/a.csv", b"0123456789" * (size // 10))
    tagged = {"TagSet": [{"Key": "sender", "Value": "shop"}]}
    store.s3.put_object_tagging(Bucket=store.bucket, Key="raw/a.csv", Tagging=tagged)
    store.move(only_waiting(store), "archived/a.csv")
    assert store.s3.get_object_tagging(Bucket=store.bucket, Key="archived/a.csv")["TagSet"] == tagged["TagSet"]


@pytest.mark.parametrize("name", ["a.csv", "ü b+%20/c&d=e?.csv"])
def test_a_moved_version_is_at_its_target_byte_by_byte_and_gone_from_its_place(
    lakehouse: Lakehouse, store: Store, name: str
) -> None:
    content = bytes(range(256)) * 50_000  # above 8 MiB boto3 copies in parts
    put(lakehouse, f"raw/{name}", content)
    store.move(only_waiting(store), f"archived/{name}")
    assert body(lakehouse, f"archived/{name}") == content
    assert store.waiting("raw/") == []


def test_moving_one_version_leaves_the_newer_one_waiting(lakehouse: Lakehouse, store: Store) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)
    newer = put(lakehouse, "raw/a.csv", b"two")
    store.move(version, "archived/a.csv")
    assert body(lakehouse, "archived/a.csv") == b"one"
    assert only_waiting(store).version_id == newer


def test_moving_again_after_the_version_has_gone_changes_nothing(lakehouse: Lakehouse, store: Store) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)
    store.move(version, "archived/a.csv")
    put(lakehouse, "raw/a.csv", b"two")
    store.move(version, "archived/a.csv")
    assert body(lakehouse, "archived/a.csv") == b"one"
    assert body(lakehouse, "raw/a.csv") == b"two"


def test_a_version_that_is_gone_without_a_copy_is_named(lakehouse: Lakehouse, store: Store) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)
    store.s3.delete_object(Bucket=store.bucket, Key=version.key, VersionId=version.version_id)
    with pytest.raises(BadData, match=r"there is no copy of it at archived/a\.csv"):
        store.move(version, "archived/a.csv")


@pytest.mark.parametrize("size", [10, 9_000_000], ids=["one_call", "in_parts"])
def test_a_move_copies_the_bytes_and_asks_for_no_annotations(
    lakehouse: Lakehouse, store: Store, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """S3 copies them unless it is told not to, and no role may read or write them. More than 8 MB are copied in
    parts.
    """
    content, asked = b"0123456789" * (size // 10), list[dict[str, Any]]()

    def look(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    put(lakehouse, "raw/a.csv", content)
    store.s3.meta.events.register("provide-client-params.s3.CopyObject", look)
    try:
        store.move(only_waiting(store), "archived/a.csv")
    finally:
        store.s3.meta.events.unregister("provide-client-params.s3.CopyObject", look)
    assert body(lakehouse, "archived/a.csv") == content
    assert keys(lakehouse, "raw/") == []
    # In parts nobody but the client copies annotations, and it does so only where it is told to.
    assert [params.get("AnnotationDirective") for params in asked] == (["EXCLUDE"] if size == 10 else [])


def test_a_copy_of_another_size_is_noticed_and_nothing_is_deleted(lakehouse: Lakehouse, store: Store) -> None:
    put(lakehouse, "raw/a.csv", b"one")
    version = only_waiting(store)
    with pytest.raises(BadData, match="does not have the 4 bytes of the original; nothing was deleted"):
        store.move(replace(version, size=4), "archived/a.csv")
    assert only_waiting(store) == version


def test_without_versions_a_move_is_by_content_and_can_be_repeated(unversioned: Lakehouse) -> None:
    store = unversioned.zone.store
    put(unversioned, "raw/a.csv", b"one")
    version = only_waiting(store)
    store.move(version, "archived/a.csv")
    assert keys(unversioned, "") == ["archived/a.csv"]
    put(unversioned, "raw/a.csv", b"two")
    store.move(version, "archived/a.csv")
    assert (body(unversioned, "archived/a.csv"), body(unversioned, "raw/a.csv")) == (b"one", b"two")


def test_without_versions_an_overwritten_object_is_neither_moved_nor_deleted(unversioned: Lakehouse) -> None:
    store = unversioned.zone.store
    put(unversioned, "raw/a.csv", b"one")
    version = only_waiting(store)
    put(unversioned, "raw/a.csv", b"two")
    with pytest.raises(BadData, match=r"was deleted or overwritten, and there is no copy"):
        store.move(version, "archived/a.csv")
    assert keys(unversioned, "") == ["raw/a.csv"]


def test_without_versions_an_object_overwritten_while_it_is_moved_stays(unversioned: Lakehouse) -> None:
    store = unversioned.zone.store
    put(unversioned, "raw/a.csv", b"one")
    version = only_waiting(store)

    def overwritten_first(**request: Any) -> Any:
        put(unversioned, "raw/a.csv", b"two")
        return store.s3.delete_object(**request)

    Store(ClientWith(store.s3, delete_object=overwritten_first), store.bucket).move(version, "archived/a.csv")
    assert (body(unversioned, "archived/a.csv"), body(unversioned, "raw/a.csv")) == (b"one", b"two")
