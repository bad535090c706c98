import asyncio
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import persistence  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.state import saved_state
from lakehouse_assets.embedded_aws.state.saved_state import (
    LARGEST_SHARE,
    SECONDS_BETWEEN_SAVES,
    SavedState,
    write_code,
)


def test_a_lambdas_code_is_written_once_and_again_where_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lambda_svc, "CODE_BLOB_DIR", str(tmp_path))
    original, written = lambda_svc._write_code_blob, list[bytes]()

    def write(code: bytes) -> str:
        written.append(code)
        return str(original(code))

    for code in (b"one", b"one", b"two"):
        name = write_code(write, code)
        assert name == hashlib.sha256(code).hexdigest()
        assert (tmp_path / f"{name}.zip").read_bytes() == code
    assert written == [b"one", b"two"]
    (tmp_path / f"{hashlib.sha256(b'one').hexdigest()}.zip").unlink()
    write_code(write, b"one")
    assert written == [b"one", b"two", b"one"]


@pytest.mark.parametrize(
    ("took", "pause"), [(0.0, SECONDS_BETWEEN_SAVES), (6.0, 6.0 / LARGEST_SHARE)], ids=["little", "much"]
)
def test_a_state_that_takes_long_to_write_is_written_less_often(
    took: float, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(The save, the pauses and the clock are stand-ins: a state of that size takes minutes to make.)"""
    state, pauses, clock = SavedState(), list[float](), SimpleNamespace(now=0.0)

    def save(services: dict[str, Any]) -> None:
        clock.now += took

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        state.note("POST")
        if len(pauses) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(persistence, "save_all", save)
    monkeypatch.setattr(saved_state, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(state.save_regularly())
    assert pauses == [SECONDS_BETWEEN_SAVES, pause, pause]
