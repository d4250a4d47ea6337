"""What a real Lynx Smart BMS NG publishes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SIGNATURES = {"STRING": "s", "UINT32": "u", "INT32": "i", "UINT16": "q", "BYTE": "y", "DOUBLE": "d"}
INVALID = "ARRAY"


class Recorded(NamedTuple):
    path: str
    type: str
    value: str
    text: str


def recorded() -> tuple[list[Recorded], list[Recorded]]:
    """All paths at one moment, and the values some of them had later."""
    text = Path(__file__).with_name("recorded_paths.tsv").read_text(encoding="utf-8")
    blocks = text.partition("\n\n")
    return _rows(blocks[0]), _rows(blocks[2])


def _rows(block: str) -> list[Recorded]:
    return [Recorded(*line.split("\t")) for line in block.splitlines() if not line.startswith("#")]
