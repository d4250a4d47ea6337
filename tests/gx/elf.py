"""As much of ELF as tells on which machine, and with which glibc, a shared object runs (System V gABI, chapter 4)."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

MACHINES = {40: "armv7l", 62: "x86_64", 183: "aarch64"}
LITTLE = 1
VERSIONS_NEEDED = 0x6FFFFFFE  # SHT_GNU_verneed
HARD_FLOAT = 0x400  # EF_ARM_ABI_FLOAT_HARD
Glibc = tuple[int, ...]


class Object(NamedTuple):
    """A shared object: the machine that it is for, and the newest version of glibc that it names."""

    machine: str
    hard_float: bool
    glibc: Glibc


class _Section(NamedTuple):
    kind: int
    content: bytes
    link: int


def read(data: bytes) -> Object:
    """Read a shared object; ValueError if it is none."""
    if data[:4] != b"\x7fELF" or data[5] != LITTLE:
        raise ValueError("no ELF file of a little-endian machine")
    wide = data[4] == 2
    machine, flags = struct.unpack_from("<H", data, 18)[0], struct.unpack_from("<I", data, 48 if wide else 36)[0]
    sections = _sections(data, wide)
    glibc = [
        version for section in sections if section.kind == VERSIONS_NEEDED for version in _needed(section, sections)
    ]
    return Object(MACHINES.get(machine, str(machine)), bool(flags & HARD_FLOAT), max(glibc, default=()))


def _sections(data: bytes, wide: bool) -> list[_Section]:
    offset = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)[0]
    size, count = struct.unpack_from("<HH", data, 58 if wide else 46)
    sections = []
    for head in range(offset, offset + size * count, size):
        kind = struct.unpack_from("<I", data, head + 4)[0]
        begin, length, link = struct.unpack_from("<QQI" if wide else "<III", data, head + (24 if wide else 16))
        sections.append(_Section(kind, data[begin : begin + length], link))
    return sections


def _needed(section: _Section, sections: list[_Section]) -> list[Glibc]:
    """The versions of glibc that a table of needed versions names: a chain of libraries, each with a chain of names."""
    names = sections[section.link].content
    versions = []
    entry = 0
    while True:
        count, _, first, following = struct.unpack_from("<HIII", section.content, entry + 2)
        name = entry + first
        for _ in range(count):
            text, step = struct.unpack_from("<II", section.content, name + 8)
            versions += _glibc(names[text : names.index(0, text)].decode())
            name += step
        if not following:
            return versions
        entry += following


def _glibc(name: str) -> list[Glibc]:
    found = re.fullmatch(r"GLIBC_([\d.]+)", name)
    return [tuple(map(int, found[1].split(".")))] if found else []
