from types import ModuleType

import pytest

from lakehouse_assets.embedded_aws.patching import replace, wrap


def test_a_function_gives_way_to_ours() -> None:
    module = ModuleType("emulator")
    module.answer = lambda number: number + 1  # type: ignore[attr-defined]

    wrap(module, "answer", lambda original, number: original(number) * 10)

    assert module.answer(1) == 20


def test_a_seam_that_is_gone_is_named() -> None:
    with pytest.raises(TypeError, match=r"no emulator\.answer"):
        replace(ModuleType("emulator"), "answer", print)
