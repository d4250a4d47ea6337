"""A bus that dies takes nothing with it: the outputs never hear of it, and the service comes back with everything."""

from __future__ import annotations

from pathlib import Path

from .harness import BOTH_ON, System, running


async def lose_the_bus(system: System, beats: int = 4) -> None:
    """Kill the daemon; decisions go on without it."""
    await system.daemon.kill()
    await system.more_beats(beats)


async def test_the_service_comes_back_with_all_values_and_the_outputs_stay_as_they_are(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        before = await system.measured()
        said, inode = len(system.outputs.lines), system.pins_file.stat().st_ino
        for _ in range(2):
            await lose_the_bus(system)
            await system.daemon.start()
            client = await system.connect()
            assert await client.shows(BOTH_ON) == before
        assert system.pins_file.stat().st_ino == inode  # not even written: each change is a new file
        assert not [line for line in system.outputs.lines[said:] if line.text.startswith("outputs:")]
        assert system.main.text.count("not on the bus") == 2  # said once for each loss


async def test_what_happens_without_a_bus_is_shown_when_it_is_back(tmp_path: Path) -> None:
    async with running(tmp_path) as system:
        await lose_the_bus(system, beats=1)
        system.pack.cells_v[0] = 3.76
        await system.pins(charge_disconnect=False, load_disconnect=True)
        await system.daemon.start()
        client = await system.connect()
        items = await client.items()
        assert (items["/Io/AllowToCharge"], items["/Io/AllowToDischarge"]) == (0, 1)
        assert "high_cell" in items["/Info/Reasons/Charge"]


async def test_a_bus_that_comes_later_than_the_service_is_found(tmp_path: Path) -> None:
    system = System(tmp_path)
    try:
        for battery in system.batteries:
            await battery.start()
        await system.start_outputs()
        await system.start_main()
        await system.pins(charge_disconnect=True, load_disconnect=True)
        await system.main.said("not on the bus")
        await system.daemon.start()
        await (await system.connect()).shows(BOTH_ON)
    finally:
        await system.stop()
