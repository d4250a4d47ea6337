"""The command line of the outputs process; `argparse` would be a twentieth of its memory."""

from __future__ import annotations

from collections.abc import Callable

from smallbms.outputs.guard import Limits
from smallbms.outputs.lean import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

USAGE = """usage: python3 -m smallbms.outputs --socket PATH [option …]

Hold the output pins until told to stop; everything off before and after.
  --socket PATH    the Unix socket to serve, mode 0600
  --silence-s S    off after no command for so long: {silence_s:g}
  --update-s S     time for an update to be healthy: {update_s:g}
  --own            end by itself when nobody is in control
  --alone-s S      how long --own waits for that: {alone_s:g}
"""


class Options(NamedTuple):
    """What was asked for."""

    socket: str
    silence_s: float = Limits().silence_s
    update_s: float = Limits().update_s
    alone_s: float = 300.0
    own: bool = False


def usage() -> str:
    """Return the help, with the defaults in it."""
    return USAGE.format(**Options("")._asdict())


def parse(words: list[str]) -> Options:
    """Return what is asked for by `--name value` or `--name=value`; raise ValueError."""
    found: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        name, is_joined, value = word.partition("=")
        field = name.removeprefix("--").replace("-", "_")
        if word == "--own":
            found["own"] = True
            continue
        if field not in _READ or not name.startswith("--"):
            raise ValueError(f"{word!r} is unknown")
        try:
            found[field] = _READ[field](value if is_joined else next(rest))
        except (StopIteration, ValueError):
            raise ValueError(f"{name} needs a value") from None
    if "socket" not in found:
        raise ValueError("--socket is missing")
    return Options(**found)


def _path(word: str) -> str:
    if not word:
        raise ValueError
    return word


_READ: dict[str, Callable[[str], object]] = {"socket": _path, "silence_s": float, "update_s": float, "alone_s": float}
