"""The generated half of the documentation: docs/reference/*.md and docs/llms.txt.

Each page is written from the code that it describes, so that it cannot differ from it: `make reference` writes the
pages, and a test compares them with what is committed. The package is a tool of the checkout and is not in the wheel.
"""
