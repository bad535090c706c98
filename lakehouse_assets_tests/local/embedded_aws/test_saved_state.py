import hashlib
from pathlib import Path

import pytest
from ministack.services import lambda_svc  # type: ignore[import-untyped]

from lakehouse_assets.local.embedded_aws.saved_state import write_code


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
