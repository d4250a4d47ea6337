"""CRC-8 of SMBus and of TI's monitor chips: x⁸ + x² + x + 1, begun at 0."""

from __future__ import annotations

_POLYNOMIAL = 0x07


def _shifted(crc: int) -> int:
    for _ in range(8):
        crc = (crc << 1 ^ _POLYNOMIAL) & 0xFF if crc & 0x80 else crc << 1
    return crc


_TABLE = bytes(_shifted(byte) for byte in range(256))


def crc8(data: bytes) -> int:
    """The checksum over `data`."""
    crc = 0
    for byte in data:
        crc = _TABLE[crc ^ byte]
    return crc
