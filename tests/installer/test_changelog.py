from __future__ import annotations

import pytest

from smallbms.installer.changelog import between, version_key

TEXT = """# Changelog

## 0.10.0 (2027-01-01)
Ten.

## 0.9.1
Nine one.

## 0.9.0
Nine.
"""


@pytest.mark.parametrize(
    ("older", "newer", "told"),
    [
        ("0.9.0", "0.10.0", "## 0.10.0 (2027-01-01)\nTen.\n\n## 0.9.1\nNine one."),
        ("0.9.0", "0.9.1", "## 0.9.1\nNine one."),
        ("0.9.1", "0.9.1", ""),
        ("0.8.0", "0.9.0", "## 0.9.0\nNine."),
        ("0.10.0", "1.0.0", ""),
    ],
)
def test_only_what_lies_between_is_told(older: str, newer: str, told: str) -> None:
    assert between(TEXT, older, newer) == told


def test_a_text_without_sections_tells_nothing() -> None:
    assert between("", "1", "2") == between("Nothing yet.\n", "1", "2") == ""


def test_ten_comes_after_nine() -> None:
    assert sorted(["0.10.0", "0.9.0", "0.9.10", "0.9.9"], key=version_key) == ["0.9.0", "0.9.9", "0.9.10", "0.10.0"]
