"""The remote on/off input: the outputs process obeys it by itself, the main process says why."""

from __future__ import annotations

import signal
from pathlib import Path

from .harness import BOTH_OFF, BOTH_ON, codes, running

STANDBY, RUNNING = 14, 9
TERMINALS = (
    ("open", "open", False),
    ("joined", "joined", True),
    ("open", "open", False),
    ("minus", "open", True),
    ("open", "open", False),
    ("open", "plus", True),
)
FLOAT_S = 4.0  # read every 0.5 s, without the main process; a busy machine


async def test_off_floats_both_at_once_and_on_gives_them_back(tmp_path: Path) -> None:
    async with running(tmp_path, remote=True) as system:
        assert (await system.shows({"/SystemSwitch": 1, "/State": RUNNING}))["/Io/AllowToCharge"] == 1
        system.remote("open", "open")
        assert await system.pins(charge_disconnect=False, load_disconnect=False, pre_alarm=False) < FLOAT_S
        items = await system.shows({**BOTH_OFF, "/SystemSwitch": 0, "/State": STANDBY, "/ErrorCode": 0})
        assert codes(items["/Info/Reasons/Charge"]) == codes(items["/Info/Reasons/Discharge"]) == {"remote_off"}
        assert (items["/Info/MaxChargeCurrent"], items["/Info/MaxDischargeCurrent"]) == (0, 0)
        assert "No to discharging: the remote on/off input is off" in await system.why()
        system.remote("minus", "open")
        await system.pins(charge_disconnect=True, load_disconnect=True)
        await system.shows({**BOTH_ON, "/SystemSwitch": 1, "/State": RUNNING})


async def test_the_terminals_of_the_manual(tmp_path: Path) -> None:
    async with running(tmp_path, remote=True) as system:
        for low, high, is_on in TERMINALS:
            system.remote(low, high)
            await system.pins(charge_disconnect=is_on, load_disconnect=is_on)
            await system.shows(BOTH_ON if is_on else BOTH_OFF)


async def test_a_remote_that_cannot_be_read_counts_as_off(tmp_path: Path) -> None:
    async with running(tmp_path, remote=True) as system:
        system.remote_file.unlink()
        await system.pins(charge_disconnect=False, load_disconnect=False)
        await system.shows({**BOTH_OFF, "/SystemSwitch": 0})


async def test_off_is_obeyed_while_the_main_process_stands_still(tmp_path: Path) -> None:
    async with running(tmp_path, remote=True) as system:
        system.main.send(signal.SIGSTOP)
        said = len(system.outputs.lines)
        system.remote("open", "open")
        await system.outputs.said("remote off", after=said)
        await system.pins(charge_disconnect=False, load_disconnect=False)
        system.main.send(signal.SIGCONT)
        await system.shows({**BOTH_OFF, "/SystemSwitch": 0})
        system.remote("open", "plus")
        await system.shows(BOTH_ON)
