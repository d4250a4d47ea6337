"""TOML, wherever the parser is: in the standard library, or tomli on a GX."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from smallbms.errors import ConfigError

PARSERS = ("tomllib", "tomli")
DEEPEST = 8
INT_BITS = 64  # what TOML promises


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return the tables of a TOML text; raise ConfigError with the source, the line and the reason."""
    try:
        tables: dict[str, Any] = _parser().loads(text)
    except ValueError as error:
        reason = str(error).replace("at end of document", f"at the end, line {len(text.splitlines())}")
        raise ConfigError(f"{source}: {reason}") from None
    except RecursionError:
        raise ConfigError(f"{source}: tables are nested too deeply") from None
    _refuse_absurd(tables, source, DEEPEST)
    return tables


def _parser() -> Any:
    for name in PARSERS:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ConfigError("no TOML parser: install tomli, or a Python with tomllib")


def _refuse_absurd(value: Any, source: str, levels: int) -> None:
    """Raise ConfigError for what no later reader should have to think of."""
    if isinstance(value, int) and value.bit_length() >= INT_BITS:
        raise ConfigError(f"{source}: a whole number has {INT_BITS} bits or more")
    if isinstance(value, dict | list):
        if levels == 0:
            raise ConfigError(f"{source}: tables are nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_absurd(item, source, levels - 1)
