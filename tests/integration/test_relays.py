"""A GX whose two relays are the outputs: a battery on a wire, both processes, localsettings, somebody at the GUI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ext.local_settings import LocalSettings

from .harness import BOTH_ON, NO_CHARGE, System, codes
from .programs import run_command, wait_for

FUNCTION = "/Settings/Relay/Function"
MANUAL, ALARM = 2, 0


class Gx(System):
    """Files stand for /dev/gpio."""

    def __init__(self, folder: Path) -> None:
        self.relays = [folder / "gpio" / f"relay_{number}" / "value" for number in (1, 2)]
        outputs = ""
        for number, output in enumerate(("charge_disconnect", "load_disconnect")):
            self.relays[number].parent.mkdir(parents=True)
            self.relays[number].write_text("0\n", encoding="ascii")
            outputs += f'[outputs.{output}]\nkind = "gx-relay"\nrelay = {number}\nchip = "{folder}/gpio"\n'
        super().__init__(folder, extra=outputs)
        self.local = LocalSettings(self.daemon.address)
        self.local.stored = {FUNCTION: MANUAL, "/Settings/Relay/1/Function": MANUAL}

    async def boot(self) -> None:
        """Everything but the main process."""
        await self.daemon.start()
        await self.local.start()
        await self.battery.start()
        await self.start_outputs()

    async def closed(self, *wanted: bool) -> None:
        """Wait until the relays are so."""
        await wait_for(
            lambda: tuple(file.read_text(encoding="ascii")[0] == "1" for file in self.relays) == wanted,
            f"relays {wanted}",
        )


@pytest.fixture
async def gx(tmp_path: Path) -> AsyncIterator[Gx]:
    system = Gx(tmp_path)
    try:
        await system.boot()
        yield system
    finally:
        await system.local.stop()
        await system.stop()


async def test_a_relay_whose_function_is_not_manual_is_a_wrong_configuration(gx: Gx) -> None:
    gx.local.stored[FUNCTION] = ALARM
    main = await gx.start_main()
    assert await main.ended() == 2
    assert "relay 0: its function is 0, it must be Manual (2) (Settings → Relay)" in main.text
    await gx.closed(False, False)


async def test_the_check_says_so_beforehand(gx: Gx) -> None:
    checking = "check", "--config", str(gx.config_file)
    assert "Settings → Relay" not in (await run_command(gx.folder, *checking)).out
    gx.local.stored["/Settings/Relay/1/Polarity"] = 1
    result = await run_command(gx.folder, *checking)
    assert result.status == 1
    assert "relay 1: its polarity must be Normally open (Settings → Relay)" in result.out
    await gx.local.stop()
    assert "localsettings does not say" in (await run_command(gx.folder, *checking)).out


async def test_a_changed_function_opens_its_relay_and_no_other_until_it_is_mended_and_acknowledged(gx: Gx) -> None:
    main = await gx.start_main()
    client = await gx.connect()
    await wait_for(lambda: "is on the bus" in main.text or not main.running, "the service on the bus")
    await client.shows(BOTH_ON)
    await gx.closed(True, True)

    gx.relays[0].write_text("0\n", encoding="ascii")  # a toggle in the GUI
    await gx.outputs.said("was switched by another program")
    await gx.closed(True, True)

    gx.local.set(FUNCTION, ALARM)
    items = await client.shows({**NO_CHARGE, "/Alarms/InternalFailure": 2})
    assert codes(items["/Info/Reasons/Charge"]) == {"output_fault_charge"}
    await gx.closed(False, True)
    assert "its command: relay 0: its function is 0, it must be Manual (2)" in items["/Info/Reasons/Charge/Text"]

    gx.local.set(FUNCTION, MANUAL)
    await main.said("its relay is ours again")
    assert await client.set("/Alarms/Acknowledge", 1) == 0
    await client.shows(BOTH_ON)
    await gx.closed(True, True)

    await main.kill()
    await gx.closed(False, False)
