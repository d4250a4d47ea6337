"""One line = one JSON object behind its own checksum: `1c291ca3 {"a":1}` and a line feed."""

from __future__ import annotations

import json
import zlib

from .files import JsonObject

_PREFIX_BYTES = 9  # eight hexadecimal digits and a space


def seal(record: JsonObject, *, multiple: int = 1) -> bytes:
    """The line that holds `record`, filled up with blanks to a multiple of so many bytes.

    Raises ValueError for what is not JSON (NaN is not).
    """
    try:
        body = json.dumps(record, allow_nan=False, separators=(",", ":")).encode("ascii")
    except TypeError as error:
        raise ValueError(str(error)) from error
    body += b" " * (-(_PREFIX_BYTES + len(body) + 1) % multiple)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def unseal(line: bytes) -> JsonObject:
    """The object in a line made by `seal`; raises ValueError, which says what is wrong, for anything else."""
    body = line[_PREFIX_BYTES:-1]
    if line != b"%08x %b\n" % (zlib.crc32(body), body):
        raise ValueError("its checksum does not match")
    record = json.loads(body)
    if not isinstance(record, dict):
        raise ValueError("it holds no object")
    return record
