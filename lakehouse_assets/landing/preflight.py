"""Looks at one file before any engine does, and sets aside what no engine could read rightly.

An engine that meets Latin-1, half a gzip file or an unclosed quote may guess, skip or stop the whole batch. So each file is streamed
once, in bounded memory: at the disk's speed where it has no quotes, and then record by record (`records`) where it has.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lakehouse_assets.contracts import Contract
from lakehouse_assets.landing.arriving import ArrivingFile, Limits, TextBytes, Unusable
from lakehouse_assets.landing.dialect import HEAD, FirstRecord, first_records
from lakehouse_assets.landing.encoding import Utf8Check, refuse_utf16
from lakehouse_assets.landing.records import read_records
from lakehouse_assets.landing.routing import HeaderCheck, check_header

__all__ = ["Limits", "Preflight", "preflight", "read_header"]
