"""The outputs process for every test here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from outputs_process import Outputs


@pytest.fixture
def outputs(tmp_path: Path) -> Iterator[Outputs]:
    """The process, not started yet."""
    under_test = Outputs(tmp_path)
    try:
        yield under_test
    finally:
        under_test.end()
