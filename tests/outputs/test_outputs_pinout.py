"""The configuration of the pins: what is taken, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.outputs.pinout import RELAYS, LineConfig, OutputConfig, RemoteConfig, parse
from smallbms.outputs.protocol import PINS, Code, Refused

GPIO: dict[str, Any] = {"kind": "gpio", "chip": "gpiochip0", "charge_disconnect": 17, "load_disconnect": 27}
REMOTE: dict[str, Any] = {"kind": "gpio", "chip": "gpiochip0", "l": 23, "h": 24}
ANALOG: dict[str, Any] = {"kind": "iio", "h": "iio:device0/in_voltage1", "divider": 11}


def test_an_output_inherits_what_it_does_not_say() -> None:
    table = {"line": "GPIO27", "active_low": False, "kind": "gpio", "feedback": {"line": 12, "active_low": True}}
    pinout = parse({"outputs": {**GPIO, "active_low": True, "drive": "open_source", "load_disconnect": table}})
    charge, load = pinout.outputs["charge_disconnect"], pinout.outputs["load_disconnect"]
    assert charge == OutputConfig("gpio", LineConfig("gpiochip0", 17, active_low=True, drive="open_source"))
    assert load.line == LineConfig("gpiochip0", "GPIO27", active_low=False, drive="open_source")
    assert load.feedback == LineConfig("gpiochip0", 12, active_low=True)
    assert set(pinout.outputs) == {"charge_disconnect", "load_disconnect"}
    assert pinout.remote is None


def test_open_remote_terminals_rest_at_off() -> None:
    remote = parse({"outputs": GPIO, "remote": REMOTE}).remote
    assert remote is not None and remote.l is not None and remote.h is not None
    assert (remote.l.bias, remote.h.bias) == ("pull_up", "pull_down")
    own = parse({"outputs": GPIO, "remote": {**REMOTE, "l": {"line": 23, "bias": "disabled"}}}).remote
    assert own is not None and own.l is not None
    assert own.l.bias == "disabled"


def test_simulated_has_all_outputs_and_may_be_mixed_with_lines() -> None:
    simulated = {"kind": "simulated", "state_file": "pins.json"}
    assert set(parse({"outputs": simulated}).outputs) == set(PINS.values())
    mixed = parse({"outputs": {**GPIO, "state_file": "pins.json", "red_led": {"kind": "simulated"}}})
    assert [mixed.outputs[name].kind for name in ("load_disconnect", "red_led")] == ["gpio", "simulated"]


def test_a_relay_of_a_gx_goes_by_its_number_alone() -> None:
    common = {"kind": "gx-relay", "chip": "gpiochip0", "active_low": True}
    table = {"relay": 1, "feedback": {"line": 4, "active_low": True}}
    outputs = parse({"outputs": {**common, "charge_disconnect": 0, "load_disconnect": table}}).outputs
    assert outputs["charge_disconnect"] == OutputConfig("gx-relay", LineConfig(RELAYS, 0))
    assert outputs["load_disconnect"].line == LineConfig(RELAYS, 1)
    assert outputs["load_disconnect"].feedback == LineConfig("gpiochip0", 4, active_low=True)
    mixed = parse({"outputs": {**GPIO, "pre_alarm": {"kind": "gx-relay", "relay": 0}}}).outputs
    assert (mixed["pre_alarm"].line, mixed["load_disconnect"].kind) == (LineConfig(RELAYS, 0), "gpio")


def test_the_watchdog_is_a_line_and_no_output() -> None:
    pinout = parse({"outputs": {**GPIO, "drive": "open_drain", "watchdog": 9}})
    assert pinout.watchdog == LineConfig("gpiochip0", 9, drive="open_drain")
    assert "watchdog" not in pinout.outputs
    assert parse({"outputs": GPIO}).watchdog is None


def test_a_remote_by_voltage() -> None:
    remote = parse({"outputs": GPIO, "remote": {**ANALOG, "l": "iio:device0/in_voltage0"}}).remote
    assert remote == RemoteConfig(
        "iio", LineConfig("iio:device0", "in_voltage0"), LineConfig("iio:device0", "in_voltage1"), divider=11.0
    )
    alone = parse({"outputs": GPIO, "remote": {"kind": "iio", "h": "/sys/adc/in_voltage3-voltage4"}}).remote
    assert alone == RemoteConfig("iio", h=LineConfig("/sys/adc", "in_voltage3-voltage4"))


def changed(**changes: object) -> dict[str, object]:
    table = {**GPIO, **changes}
    return {"outputs": {key: value for key, value in table.items() if value is not None}}


@pytest.mark.parametrize(
    ("pins", "says"),
    [
        ({}, "outputs must be a table"),
        ({"outputs": GPIO, "output": {}}, "pins has unknown output"),
        (changed(load_disconnect=None), "outputs.load_disconnect is missing"),
        (changed(chip=None), "outputs.charge_disconnect.chip is missing"),
        (changed(kind=None), "outputs.charge_disconnect.kind must be"),
        (changed(kind="relay"), "gpio, gx-relay, simulated"),
        (changed(kind="iio"), "gpio, gx-relay, simulated"),
        (changed(charge_disconnect={"kind": "gx-relay"}), "outputs.charge_disconnect.relay must be int"),
        (changed(charge_disconnect={"kind": "gx-relay", "relay": -1}), "outputs.charge_disconnect.relay must not be"),
        (changed(charge_disconnect={"kind": "gx-relay", "relay": "relay_1"}), "relay must be int, not 'relay_1'"),
        (changed(charge_disconnect={"kind": "gx-relay", "relay": 0, "bias": "as_is"}), "has unknown bias"),
        (changed(charge_disconnect={"relay": 0}), "has unknown relay"),
        (changed(kind="gx-relay", charge_disconnect=1, load_disconnect=1), "line 1 of /dev/gpio is both"),
        (changed(watchdog=17), "line 17 of gpiochip0 is both charge_disconnect and watchdog"),
        (changed(watchdog={"line": 9, "kind": "gpio", "feedback": 3}), "outputs.watchdog has unknown feedback"),
        (changed(colour=1), "outputs has unknown colour"),
        (changed(charge_disconnect=-1), "outputs.charge_disconnect.line must not be -1"),
        (changed(charge_disconnect=True), "outputs.charge_disconnect must be a table"),
        (changed(charge_disconnect=1.5), "outputs.charge_disconnect must be a table"),
        (changed(charge_disconnect={"lines": 1}), "outputs.charge_disconnect has unknown lines"),
        (changed(charge_disconnect={"line": 1, "bias": "up"}), "as_is, disabled, pull_up, pull_down"),
        (changed(charge_disconnect={"line": 1, "active_low": 1}), "active_low must be bool"),
        (changed(charge_disconnect=27), "line 27 of gpiochip0 is both charge_disconnect and load_disconnect"),
        (changed(charge_disconnect={"line": 1, "feedback": 27}), "both load_disconnect and charge_disconnect.feedback"),
        (changed(red_led={"kind": "simulated"}), "outputs.state_file is missing"),
        ({"outputs": GPIO, "remote": {"kind": "gpio", "chip": "gpiochip0"}}, "remote needs l, h or both"),
        ({"outputs": GPIO, "remote": {"kind": "simulated"}}, "remote.state_file must be str"),
        ({"outputs": GPIO, "remote": {**REMOTE, "h": 17}}, "both charge_disconnect and remote.h"),
        ({"outputs": GPIO, "remote": {**REMOTE, "divider": 2}}, "remote has unknown divider"),
        ({"outputs": GPIO, "remote": {**ANALOG, "active_low": True}}, "remote has unknown active_low"),
        ({"outputs": GPIO, "remote": {**REMOTE, "kind": "gx-relay"}}, "gpio, iio, simulated"),
        ({"outputs": GPIO, "remote": {"kind": "iio"}}, "remote needs l, h or both"),
        ({"outputs": GPIO, "remote": {**ANALOG, "h": 3}}, 'remote.h must be a channel as "iio:device0/in_voltage0"'),
        ({"outputs": GPIO, "remote": {**ANALOG, "h": "in_voltage0"}}, "remote.h must be a channel"),
        ({"outputs": GPIO, "remote": {**ANALOG, "h": "iio:device0/in_temp"}}, "remote.h must be a channel"),
        ({"outputs": GPIO, "remote": {**ANALOG, "l": ANALOG["h"]}}, "both remote.l and remote.h"),
        ({"outputs": GPIO, "remote": {**ANALOG, "divider": 0.5}}, "remote.divider must be 1…1000, not 0.5"),
        ({"outputs": GPIO, "remote": {**ANALOG, "divider": "11"}}, "remote.divider must be int or float"),
    ],
)
def test_refused_by_name(pins: dict[str, object], says: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(pins)
    assert refused.value.code is Code.BAD_PINS
    assert says in refused.value.text


VALUES = st.none() | st.booleans() | st.integers(-2, 99) | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
KEYS = [*GPIO, "line", "feedback", "bias", "state_file", "relay", "watchdog", "divider", "l", "h"]
TABLES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6)


@given(
    st.dictionaries(st.sampled_from(["outputs", "remote"]), VALUES | TABLES | TABLES.map(lambda own: {**GPIO, **own}))
)
def test_nothing_but_a_refusal_comes_of_nonsense(pins: dict[str, object]) -> None:
    try:
        pinout = parse(pins)
    except Refused:
        return
    assert {"charge_disconnect", "load_disconnect"} <= set(pinout.outputs)
