"""VE.Direct text of a battery monitor (SmartShunt, BMV): 19200 8N1, a block a second, unasked.

A block is lines of CR, LF, label, tab, value; the last has the label "Checksum" and one byte that makes the sum of all
bytes of the block 0 modulo 256. Frames of the hex protocol, ":" to LF, may come in between; they belong to no block
(Victron, VE.Direct Protocol, "Text-mode").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from smallbms.errors import FrameError
from smallbms.model import ShuntReading

BAUD = 19200
LONGEST = 1024  # twice the longest block of any of them
END = b"\r\nChecksum\t"
UNKNOWN = "---"
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_HEX_BEGINS, _HEX_ENDS = b":\n"


class Blocks:
    """Cuts a stream into blocks, hex frames left out; the first is seldom whole."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._in_hex = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take in what came; the blocks that end in it."""
        blocks = []
        for byte in data:
            at_checksum = self._block.endswith(END)
            if self._in_hex:
                self._in_hex = byte != _HEX_ENDS
            elif byte == _HEX_BEGINS and not at_checksum:
                self._in_hex = True
            else:
                self._block.append(byte)
                if at_checksum:
                    blocks.append(bytes(self._block))
                if at_checksum or len(self._block) > LONGEST:
                    self._block.clear()
        return blocks


def fields(block: bytes) -> dict[str, str]:
    """The values of a block by label; raises FrameError for one that is not as it was sent."""
    if sum(block) % 256:
        raise FrameError("wrong checksum")
    head, *lines = block[: -len(END) - 1].split(b"\r\n")
    if head:
        raise FrameError("a block without its beginning")
    found: dict[str, str] = {}
    for line in lines:
        label, tab, value = line.partition(b"\t")
        if not (tab and label and line.isascii()):
            raise FrameError(f"no label and value: {line!r}")
        name = label.decode("ascii")
        if name in found:
            raise FrameError(f"two values of {name}")
        found[name] = value.decode("ascii")
    return found


def shunt_reading(values: Mapping[str, str], now_s: float) -> ShuntReading | None:
    """What a block measured; None for one that tells other things. Raises FrameError for a value that is no number."""
    if "V" not in values and "I" not in values:
        return None
    return ShuntReading(
        taken_at_s=now_s,
        voltage_v=_number(values, "V", 1e-3),
        current_a=_number(values, "I", 1e-3),
        soc_pct=_number(values, "SOC", 0.1),
    )


def _number(values: Mapping[str, str], label: str, scale: float) -> float | None:
    text = values.get(label, UNKNOWN)
    if text == UNKNOWN:
        return None
    if not _INTEGER.fullmatch(text):
        raise FrameError(f"{label} is {text!r}, which is no whole number")
    return int(text) * scale
