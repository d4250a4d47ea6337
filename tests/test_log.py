"""What is said to nobody does not wait for a reader."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from smallbms.log import LogHandler
from smallbms.outputs import console


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a pipe in the place of stderr; writing there would block when it is full."""
    reader, writer = os.pipe()
    monkeypatch.setattr(console, "STDERR", writer)
    yield reader
    os.close(reader)
    os.close(writer)


@pytest.fixture
def log() -> logging.Logger:
    handler = LogHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log = logging.Logger("test")
    log.addHandler(handler)
    return log


def test_a_record_is_its_lines(reader: int, log: logging.Logger) -> None:
    log.warning("two\nlines of %d", 2)
    assert os.read(reader, 1000) == b"WARNING two\nlines of 2\n"


def test_a_trace_is_whole(reader: int, log: logging.Logger) -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        log.exception("failed")
    lines = os.read(reader, 4000).decode().splitlines()
    assert lines[0] == "ERROR failed"
    assert lines[-1] == "ValueError: wrong"


def test_a_full_pipe_drops_lines_and_takes_them_again_when_it_is_read(reader: int, log: logging.Logger) -> None:
    for number in range(2000):
        log.warning("%d %s", number, "x" * 100)
    told = os.read(reader, 1 << 20)
    assert 1 < told.count(b"\n") < 2000
    log.warning("again")
    assert os.read(reader, 1000) == b"WARNING again\n"
