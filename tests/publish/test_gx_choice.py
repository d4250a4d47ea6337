"""Whom a GX obeys: what is said of each choice, and that it is said when it lasts and no longer."""

from __future__ import annotations

import asyncio
import logging

import pytest

from private_bus import Daemon, wait_for
from smallbms.publish import gx_choice
from smallbms.publish.gx_choice import OBEYED, SHOWN, SYSTEM, GxChoice, advice
from velib_python import Connection, VeDbusService, connect
from velib_python._values import Value

NAME, OTHER = "com.victronenergy.battery.smallbms_SB01", "com.victronenergy.battery.ttyUSB0"
OURS, THEIRS = "com.victronenergy.battery/512", "com.victronenergy.battery/1"


@pytest.mark.parametrize(("obeyed", "shown", "says"), [
    (NAME, OURS, []),
    (OTHER, OURS, [f"the GX obeys {OTHER}: "]),
    (None, OURS, ["the GX obeys no BMS: "]),
    (NAME, THEIRS, [f"the GX shows the state of charge of {THEIRS}: "]),
    (NAME, None, ["the GX shows the state of charge of no battery: "]),
    (OTHER, THEIRS, [f"the GX obeys {OTHER}: ", f"the GX shows the state of charge of {THEIRS}: "]),
])  # fmt: skip
def test_what_is_said_of_a_choice(obeyed: str | None, shown: str | None, says: list[str]) -> None:
    told = advice(obeyed, shown, name=NAME, instance=512)
    assert list(told) == [text + "smallbms check --select makes it this BMS" for text in says]


async def gx(connection: Connection, values: dict[str, Value]) -> VeDbusService:
    service = VeDbusService(SYSTEM, connection)
    for path, value in values.items():
        service.add_path(path, value, signature="s")
    await service.register()
    return service


async def test_advice_comes_when_it_lasts_and_goes_with_its_cause(
    daemon: Daemon, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(gx_choice, "PERIOD_S", 0.02)
    monkeypatch.setattr(gx_choice, "CONFIRM_S", 0.02)
    ours, theirs = await connect(daemon.address), await connect(daemon.address)
    choice = GxChoice(ours, NAME, lambda: 512)
    ours.spawn(choice.run())
    await asyncio.sleep(0.1)
    assert choice.advice == ()  # no GX
    system = await gx(theirs, {OBEYED: OTHER, SHOWN: OURS})
    await wait_for(lambda: choice.advice)
    assert choice.advice == advice(OTHER, OURS, name=NAME, instance=512)
    system.update({OBEYED: NAME})
    await wait_for(lambda: not choice.advice and "com.victronenergy.system: works again" in caplog.messages)
    assert caplog.messages.count(f"{SYSTEM}: {advice(OTHER, OURS, name=NAME, instance=512)[0]}") == 1
    await theirs.close(timeout_s=0.1)
    await ours.close(timeout_s=0.1)


async def test_an_old_gx_that_does_not_tell_is_no_reason_for_advice(daemon: Daemon) -> None:
    ours, theirs = await connect(daemon.address), await connect(daemon.address)
    await gx(theirs, {SHOWN: THEIRS})
    assert await gx_choice.ask(ours, NAME, 512) == ()
    await theirs.close(timeout_s=0.1)
    await ours.close(timeout_s=0.1)
