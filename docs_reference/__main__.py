"""`make reference`: writes each generated page that is not as the code has it."""

from __future__ import annotations

from docs_reference.llms import DOCS
from docs_reference.pages import PAGES


def main() -> None:
    for name, written in PAGES.items():
        path, text = DOCS / name, written()
        if path.exists() and path.read_text("utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"docs/{name}")


main()
