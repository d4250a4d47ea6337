"""Files, TOML and anything at all: a configuration or a sentence that says where it is wrong."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configurations import DRIVERS, FULL, SOURCE, config, faults
from smallbms.config import TABLES, load
from smallbms.errors import ConfigError
from smallbms.toml import PARSERS, parse_toml


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[bank]\nseries = \n", "line 2"),
        ("[bank]\n\nseries = ", "line 3"),
        ("a = 1\na = 2\nb = 3\n", "line 2"),
        ("a = 0x" + "f" * 5000, "64 bits"),
        ("a = " + "9" * 5000, SOURCE),
        (".".join("a" * 3000) + " = 1", "nested too deeply"),
        ("a = " + "[" * 9 + "]" * 9, "nested too deeply"),
        ("a = " + "[" * 5000, "nested too deeply"),
    ],
    ids=range(8),
)
def test_a_text_that_is_no_toml_says_where(text: str, reason: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(f"{SOURCE}: ")
    assert reason in fault


@pytest.mark.parametrize("parser", PARSERS)
def test_any_of_the_parsers_will_do(parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import tomllib

    for name in PARSERS:
        monkeypatch.setitem(sys.modules, name, tomllib if name == parser else None)
    assert parse_toml("a = 1", SOURCE) == {"a": 1}


def test_no_parser_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PARSERS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match="install tomli"):
        parse_toml("a = 1", SOURCE)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / SOURCE
    path.write_text(FULL, encoding="utf-8")
    assert load(path, DRIVERS) == config(FULL)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/none.toml: cannot be read: {os.strerror(2)}"):
        load(tmp_path / "none.toml", DRIVERS)
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot be read: {os.strerror(21)}"):
        load(tmp_path, DRIVERS)
    path = tmp_path / SOURCE
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match=f"{path}: not UTF-8 at byte 5"):
        load(path, DRIVERS)


SCALARS = (
    st.integers(-(2**70), 2**70)
    | st.floats()
    | st.booleans()
    | st.text(max_size=6)
    | st.sampled_from(["jbd", "simulated", "gpio", "/dev/a", "12.8/100", "none"])
)
KEYS = st.text(max_size=4) | st.sampled_from(
    ["driver", "port", "address", "model", "series", "kind", "chip", "line", "charge_disconnect", "state_file", "cells"]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def toml_of(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_of(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


@given(tables=st.dictionaries(st.sampled_from(TABLES) | st.text(max_size=3), VALUES))
def test_any_tables_are_a_configuration_or_a_config_error(tables: dict[str, Any]) -> None:
    text = "".join(f"{json.dumps(key)} = {toml_of(value)}\n" for key, value in tables.items())
    assert _read_or_refused(text)


@given(text=st.text() | st.text(alphabet="[]{}=.,#\"'\n ab01"))
def test_any_text_is_a_configuration_or_a_config_error(text: str) -> None:
    assert _read_or_refused(text)


def _read_or_refused(text: str) -> bool:
    try:
        read = config(text)
    except ConfigError as error:
        return all(line.startswith(f"{SOURCE}: ") for line in str(error).splitlines())
    assert len(read.bank_spec().members) == len(read.batteries)
    assert json.loads(json.dumps(read.pins()))
    return isinstance(read.warnings(), tuple)
