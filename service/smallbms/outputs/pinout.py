"""Which line is which output: the JSON object of `hello`, checked into types.

It mirrors the tables [outputs] and [remote] of the configuration file:
    {"outputs": {"kind": "gpio", "chip": "pinctrl-bcm2711", "charge_disconnect": 17, "load_disconnect":
                 {"line": "GPIO27", "active_low": true, "feedback": 12}, "pre_alarm": 22, "red_led": 5, "blue_led": 6},
     "remote": {"kind": "gpio", "chip": "pinctrl-bcm2711", "l": 23, "h": 24}}
Keys beside the outputs (kind, chip, active_low, bias, drive, state_file) hold for all of them unless an output's own
table says otherwise. kind = "gx-relay" takes the number of a relay: 0, or {"relay": 0}. `watchdog` is a line, too.
kind = "simulated" needs no lines but `state_file`: the outputs are written there as JSON; a
remote is read from its own as {"l": "open" | "minus" | "joined", "h": "open" | "plus" | "joined"}. A remote of kind
"iio" names channels of the kernel's ADCs: {"l": "iio:device0/in_voltage0", "divider": 4.7}.
"""

from __future__ import annotations

from collections.abc import Mapping

from smallbms.outputs.gpio import BIASES, DRIVES
from smallbms.outputs.lean import TYPE_CHECKING, NamedTuple
from smallbms.outputs.protocol import PINS, Code, Refused

if TYPE_CHECKING:
    from typing import Any, NoReturn

NEEDED = ("charge_disconnect", "load_disconnect")
OUTPUT_KINDS = ("gpio", "gx-relay", "simulated")
RELAYS = "/dev/gpio"  # where Venus OS has its relays
DEBOUNCE_S = 0.02


class LineConfig(NamedTuple):
    """One GPIO line."""

    chip: str
    line: int | str
    active_low: bool = False
    bias: str = "as_is"
    drive: str = "push_pull"


class OutputConfig(NamedTuple):
    """One output: a line, a relay (line n in the folder `chip`) or a word in the state file.

    `feedback` is an auxiliary contact.
    """

    kind: str
    line: LineConfig | None = None
    feedback: LineConfig | None = None


class RemoteConfig(NamedTuple):
    """The remote inputs: at least one of two lines, or of two channels of ADCs (the device is the chip), or a file."""

    kind: str
    l: LineConfig | None = None  # noqa: E741 - the terminal's name
    h: LineConfig | None = None
    state_file: str = ""
    divider: float = 1.0


class Pinout(NamedTuple):
    """All lines of the product; `remote` None = always on, `watchdog` None = no such line."""

    outputs: Mapping[str, OutputConfig]
    remote: RemoteConfig | None
    state_file: str
    watchdog: LineConfig | None = None


_LINE_KEYS = ("chip", "line", "active_low", "bias", "drive")
_COMMON_KEYS = ("kind", "chip", "active_low", "bias", "drive", "state_file")
_REMOTE_KEYS = {
    "gpio": ("kind", "chip", "active_low", "l", "h"),
    "iio": ("kind", "divider", "l", "h"),
    "simulated": ("kind", "state_file"),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "chip": (str,),
    "divider": (int, float),
    "line": (int, str),
    "relay": (int,),
    "active_low": (bool,),
    "bias": (str,),
    "drive": (str,),
    "state_file": (str,),
}
_WORDS = {"kind": OUTPUT_KINDS, "bias": tuple(BIASES), "drive": tuple(DRIVES)}


def parse(message: Mapping[str, object]) -> Pinout:
    """Return the checked configuration; raise Refused naming the key, its value and what is allowed."""
    _only("pins", message, ("outputs", "remote"))
    table = _table("outputs", message.get("outputs"))
    _only("outputs", table, (*_COMMON_KEYS, *PINS.values(), "watchdog"))
    common = {key: _value(f"outputs.{key}", key, table[key]) for key in _COMMON_KEYS if key in table}
    outputs = {
        name: _output(f"outputs.{name}", common, table.get(name, {}))
        for name in PINS.values()
        if name in table or common.get("kind") == "simulated"
    }
    for name in NEEDED:
        if name not in outputs:
            _refuse(f"outputs.{name} is missing")
    state_file = str(common.get("state_file", ""))
    if not state_file and any(output.kind == "simulated" for output in outputs.values()):
        _refuse('outputs.state_file is missing: kind = "simulated" needs it')
    remote = None if message.get("remote") is None else _remote(_table("remote", message["remote"]))
    watchdog = None
    if "watchdog" in table:
        watchdog = _line("outputs.watchdog", common, _line_table("outputs.watchdog", table["watchdog"]))
    pinout = Pinout(outputs=outputs, remote=remote, state_file=state_file, watchdog=watchdog)
    _no_line_twice(pinout)
    return pinout


def _output(where: str, common: Mapping[str, object], given: object) -> OutputConfig:
    own = _line_table(where, given)
    _only(where, own, ("kind", "relay", "feedback", *_LINE_KEYS))
    kind = str(_value(f"{where}.kind", "kind", own.get("kind", common.get("kind"))))
    feedback = None
    if "feedback" in own:
        chip = {"chip": common.get("chip") if kind == "gx-relay" else own.get("chip", common.get("chip"))}
        feedback = _line(f"{where}.feedback", chip, _line_table(f"{where}.feedback", own.pop("feedback")))
    match kind:
        case "simulated":
            return OutputConfig(kind=kind, feedback=feedback)
        case "gx-relay":
            return OutputConfig(kind=kind, line=_relay(where, own), feedback=feedback)
        case _:
            return OutputConfig(kind=kind, line=_line(where, common, own), feedback=feedback)


def _relay(where: str, own: Mapping[str, object]) -> LineConfig:
    """A relay of Venus OS by its number on the bus; what holds for lines does not for it."""
    _only(where, own, ("kind", "chip", "line", "relay"))
    number = _value(f"{where}.relay", "relay", own.get("relay", own.get("line")))
    return LineConfig(chip=_value(f"{where}.chip", "chip", own.get("chip", RELAYS)), line=number)


def _remote(table: Mapping[str, object]) -> RemoteConfig:
    kind = str(_value("remote.kind", "kind", table.get("kind"), tuple(_REMOTE_KEYS)))
    _only("remote", table, _REMOTE_KEYS[kind])
    if kind == "simulated":
        state_file = _value("remote.state_file", "state_file", table.get("state_file"))
        return RemoteConfig(kind=kind, state_file=state_file)
    if "l" not in table and "h" not in table:
        _refuse("remote needs l, h or both")
    if kind == "iio":
        channels = {name: _channel(f"remote.{name}", table[name]) for name in ("l", "h") if name in table}
        divider = float(_value("remote.divider", "divider", table.get("divider", 1.0)))
        if not 1.0 <= divider <= 1000.0:
            _refuse(f"remote.divider must be 1…1000, not {divider:g}")
        return RemoteConfig(kind=kind, l=channels.get("l"), h=channels.get("h"), divider=divider)
    # Open terminals must read as off: L rests high, H rests low.
    lines = {
        name: _line(f"remote.{name}", {**table, "bias": rest}, _line_table(f"remote.{name}", table[name]))
        for name, rest in (("l", "pull_up"), ("h", "pull_down"))
        if name in table
    }
    return RemoteConfig(kind=kind, l=lines.get("l"), h=lines.get("h"))


def _channel(where: str, given: object) -> LineConfig:
    device, _, channel = given.rpartition("/") if isinstance(given, str) else ("", "", "")
    if not device or not channel.startswith("in_voltage"):
        _refuse(f'{where} must be a channel as "iio:device0/in_voltage0", not {given!r}')
    return LineConfig(chip=device, line=channel)


def _line(where: str, common: Mapping[str, object], own: Mapping[str, object]) -> LineConfig:
    _only(where, own, ("kind", *_LINE_KEYS))
    merged = {key: own.get(key, common.get(key)) for key in _LINE_KEYS}
    checked = {key: _value(f"{where}.{key}", key, value) for key, value in merged.items() if value is not None}
    for key in ("chip", "line"):
        if key not in checked:
            _refuse(f"{where}.{key} is missing")
    return LineConfig(**checked)


def _line_table(where: str, given: object) -> dict[str, object]:
    if isinstance(given, int | str) and not isinstance(given, bool):
        return {"line": given}
    return dict(_table(where, given))


def _table(where: str, given: object) -> Mapping[str, object]:
    if not isinstance(given, Mapping):
        _refuse(f"{where} must be a table, not {given!r}")
    return given


def _value(where: str, key: str, value: object, words: tuple[str, ...] = ()) -> Any:
    kinds, words = _TYPES[key], words or _WORDS.get(key, ())
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        _refuse(f"{where} must be {' or '.join(kind.__name__ for kind in kinds)}, not {value!r}")
    if words and value not in words:
        _refuse(f"{where} must be one of {', '.join(words)}, not {value!r}")
    if value == "" or (isinstance(value, int) and value < 0):
        _refuse(f"{where} must not be {value!r}")
    return value


def _only(where: str, table: Mapping[str, object], allowed: tuple[str, ...]) -> None:
    unknown = [key for key in table if key not in allowed]
    if unknown:
        _refuse(f"{where} has unknown {', '.join(map(str, unknown))}; known are {', '.join(allowed)}")


def _no_line_twice(pinout: Pinout) -> None:
    taken: dict[tuple[str, int | str], str] = {}
    named = [(name, output.line) for name, output in pinout.outputs.items()]
    named += [(f"{name}.feedback", output.feedback) for name, output in pinout.outputs.items()]
    named += [("watchdog", pinout.watchdog)]
    named += [("remote.l", pinout.remote.l), ("remote.h", pinout.remote.h)] if pinout.remote else []
    for name, line in named:
        if line is None:
            continue
        other = taken.setdefault((line.chip, line.line), name)
        if other != name:
            _refuse(f"line {line.line} of {line.chip} is both {other} and {name}")


def _refuse(text: str) -> NoReturn:
    raise Refused(Code.BAD_PINS, text)
