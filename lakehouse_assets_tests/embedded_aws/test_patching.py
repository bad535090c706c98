import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from lakehouse_assets.embedded_aws import patching
from lakehouse_assets.embedded_aws.patching import USED, WORKS_WITH, complaint, wrap

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_function_gives_way_to_ours() -> None:
    module = ModuleType("emulator")
    module.answer = lambda number: number + 1  # type: ignore[attr-defined]

    wrap(module, "answer", lambda original, number: original(number) * 10)

    assert module.answer(1) == 20


def test_all_missing_names_are_reported_with_the_version_that_has_them() -> None:
    problem = complaint({"json": ("loads", "_gone", "decoder._gone"), "no.such.module": ("_gone",)})

    assert problem is not None
    assert "json._gone, json.decoder._gone, no.such.module._gone." in problem
    assert "json.loads" not in problem
    assert f"works with ministack {WORKS_WITH}" in problem
    assert complaint({"json": ("loads",)}) is None


def test_a_server_does_not_start_on_a_ministack_that_lacks_a_name(tmp_path: Path) -> None:
    start = (
        "import ministack.services.s3; del ministack.services.s3._buckets;"
        " from lakehouse_assets.embedded_aws.__main__ import main; main()"
    )
    server = subprocess.run(
        [sys.executable, "-c", start, str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )

    assert server.returncode == 1
    assert "lacks ministack.services.s3._buckets, ministack.services.s3._buckets._data." in server.stderr
    assert not (tmp_path / "server.json").exists()


def test_the_version_that_works_is_the_one_that_is_pinned() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"ministack=={WORKS_WITH}" in extras["local"]


def test_every_name_of_ministack_that_is_used_is_checked_at_the_start() -> None:
    """The source of the package is read: a use that is not in USED fails here, and so does an entry without a use."""
    package = Path(patching.__file__).parent
    used = {name for file in package.rglob("*.py") for name in names_used(ast.parse(file.read_text()))}
    assert used == {f"{module}.{name}" for module, names in USED.items() for name in names}


def test_the_source_is_read_for_each_kind_of_use() -> None:
    source = """
import ministack.app
from ministack.core import persistence
from ministack.core.responses import json_response as answer
from ministack.services import s3

wrap(s3, "_dispatch", print)
replace(ministack.app, "_router", print)
s3._buckets._data["b"].clear()
s3._buckets.get("b")
s3._uploads["b"].clear()
s3.logger.exception("text")
persistence.save_all(ministack.app.app)
"""
    assert set(names_used(ast.parse(source))) == {
        "ministack.core.responses.json_response",
        "ministack.services.s3._dispatch",
        "ministack.app._router",
        "ministack.services.s3._buckets._data",
        "ministack.services.s3._buckets",
        "ministack.services.s3._uploads",
        "ministack.services.s3.logger",
        "ministack.core.persistence.save_all",
        "ministack.app.app",
    }


def names_used(source: ast.AST) -> Iterator[str]:
    """The names of ministack in a module's source, each with its module: imported, read as attributes, or given to
    `wrap` and `replace`. Of a chain of attributes the part up to the last private one, or the first.
    """
    modules: dict[str, str] = {}
    for node in ast.walk(source):
        match node:
            case ast.Import(names=names):
                modules |= {name.name: name.name for name in names if name.name.split(".")[0] == "ministack"}
            case ast.ImportFrom(module=str(origin), names=names) if origin.split(".")[0] == "ministack":
                for name in names:
                    whole = f"{origin}.{name.name}"
                    if is_module(whole):
                        modules[name.asname or name.name] = whole
                    else:
                        yield whole
    for node in ast.walk(source):
        match node:
            case ast.Attribute() if re.fullmatch(r"[\w.]+", text := ast.unparse(node)):
                for local, module in modules.items():
                    if text.startswith(f"{local}.") and text not in modules:
                        yield f"{module}.{up_to_the_last_private_part(text.removeprefix(f'{local}.'))}"
            case ast.Call(func=ast.Name(id="wrap" | "replace"), args=[owner, ast.Constant(value=str(replaced)), _]):
                yield f"{modules[ast.unparse(owner)]}.{replaced}"
            case ast.Call(func=ast.Name(id="wrap" | "replace"), args=[_, _, _]):
                raise AssertionError(f"line {node.lineno}: the name has to be a literal")


def is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def up_to_the_last_private_part(names: str) -> str:
    parts = names.split(".")
    private = [number for number, part in enumerate(parts) if part.startswith("_")]
    return ".".join(parts[: (private[-1] if private else 0) + 1])
