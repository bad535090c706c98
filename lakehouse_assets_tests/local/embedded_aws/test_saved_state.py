import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import pytest
from ministack.core import persistence  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from lakehouse_assets.local.embedded_aws.saved_state import MOST_OF_THE_TIME, SECONDS_BETWEEN_SAVES, SavedState, write_code


def test_a_lambdas_code_is_written_once_and_again_where_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("took", [0.0, 2 * SECONDS_BETWEEN_SAVES * MOST_OF_THE_TIME], ids=["little", "much"])
def test_a_state_that_takes_long_to_write_is_written_less_often(took: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """(The save and the pauses are stand-ins: a state of that size takes minutes to make.)"""
    state, pauses = SavedState(), list[float]()

    def save(services: dict[str, Any]) -> None:
        time.sleep(took)

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        state.note("POST")
        if len(pauses) == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(persistence, "save_all", save)
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(state.save_regularly())
    assert pauses[0] == SECONDS_BETWEEN_SAVES
    assert all(seconds >= max(SECONDS_BETWEEN_SAVES, took / MOST_OF_THE_TIME) for seconds in pauses[1:])
    assert took or pauses[1:] == [SECONDS_BETWEEN_SAVES] * 2
