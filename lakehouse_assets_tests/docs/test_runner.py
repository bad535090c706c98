"""What runs the pages' blocks finds the block that fails, and runs what a person would."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lakehouse_assets_tests.docs.commands import faults
from lakehouse_assets_tests.docs.markdown import anchors, blocks, code_spans, links
from lakehouse_assets_tests.docs.runner import page_run

GOOD = """# A page

```bash
mkdir first
cd first
colour=red
echo "$colour" > colour.txt
sleep 60 & echo $! > sleeper
```

Variables and the folder stay.

```python
from pathlib import Path
assert Path("colour.txt").read_text() == "red\\n"
```

   ```sh
   cat > "$colour" <<'TEXT'
   kept
   TEXT
   test "$(cat red)" = kept
   ```

```yaml title="contracts/thing.yaml"
name: thing
```

```bash
grep thing contracts/thing.yaml
```

<!-- exits with: 3 -->
```bash
exit 3
```

<!-- not run: it would take
     all night -->
```bash
exit 4
```

```text
exit 5
```
"""
FAILING = {
    "a command in the middle": ("```bash\nfalse\ntrue\n```\n", 1, "exit code 1 instead of 0"),
    "the first of a pipe": ("# A page\n\n```bash\nfalse | true\n```\n", 3, "exit code 1 instead of 0"),
    "Python": ("\n```python\nraise ValueError('odd')\n```\n", 2, "ValueError: odd"),
    "a query": ("\n\n```sql\nDROP TABLE orders\n```\n", 3, "exit code 2 instead of 0"),
    "YAML": ("```yaml\na: [\n```\n", 1, "this is not yaml"),
    "JSON": ("```json\n{a: 1}\n```\n", 1, "this is not json"),
    "one that should fail": ("<!-- exits with: 1 -->\n```bash\ntrue\n```\n", 2, "exit code 0 instead of 1"),
    "the second": ("```bash\ntrue\n```\n\n```bash\nexit 7\n```\n", 5, "exit code 7 instead of 0"),
}


def test_a_page_whose_blocks_run(tmp_path: Path) -> None:
    with page_run("good.md", tmp_path, aws=False) as run:
        assert run.run(GOOD) == 6
        sleeper = int((run.folder / "first" / "sleeper").read_text())
    deadline = time.monotonic() + 30
    while runs(sleeper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(sleeper)


def runs(process: int) -> bool:
    """Whether the sleeper does. Another process may have its number by now; one that nobody waited for has no command."""
    try:
        return b"sleep" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(("text", "line", "said"), FAILING.values(), ids=FAILING)
def test_a_block_that_fails_is_named(text: str, line: int, said: str, tmp_path: Path) -> None:
    with page_run("bad.md", tmp_path, aws=False) as run, pytest.raises(AssertionError) as failed:
        run.run(text)
    assert str(failed.value).startswith(f"bad.md, line {line}: ")
    assert said in str(failed.value)


def test_a_block_that_does_not_end_is_named() -> None:
    with pytest.raises(ValueError, match="line 2: the code block does not end"):
        blocks("\n```bash\ntrue\n")


def test_commands_that_do_not_exist_are_found() -> None:
    script = """
lakehouse --home x load a.csv --engine spark && lakehouse nosuch
eval "$(lakehouse env --frmt x)"
sudo lakehouse rejects --since yesterday
lakehouse query "SELECT 1" | head
cat > x <<'END'
lakehouse neither
END
make nosuch X=1
lakehouse load FILE --fail-above SHARE
lakehouse explain orders items
"""
    assert [fault.split(": ")[0] for fault in faults(script)] == [
        "there is no command",
        "lakehouse env --frmt x",
        "lakehouse rejects --since yesterday",
        "make has no target nosuch",
        "lakehouse explain orders items",
    ]


def test_what_is_in_a_page() -> None:
    page = """# One *title*: a, b & c!

See [here](a.md#x) and `[not](b.md)`, ![picture](c.png "title").

```text
[nor](d.md)
```

## One

## One
and `lakehouse
load`
"""
    assert list(links(page)) == [(3, "a.md#x"), (3, "c.png")]
    assert list(code_spans(page)) == [(3, "[not](b.md)"), (12, "lakehouse load")]
    assert anchors(page) == {"one-title-a-b-c", "one", "one_1", "one-1"}
