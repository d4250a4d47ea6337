"""`smallbms check --scan`: what is connected becomes a configuration that runs."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from integration.harness import Pack, System
from integration.programs import Result, run_command, wait_for
from smallbms.commands import scan as scanning
from smallbms.commands import serial_ports
from smallbms.emulators.daly import DalyBoard
from smallbms.emulators.jbd import JbdBoard
from smallbms.emulators.jk_pb import JkPbBoard
from smallbms.emulators.pty import Board, PtyServer
from smallbms.emulators.pylontech import PylontechBoard
from smallbms.emulators.seplos import SeplosBoard

FAILED, WRONG = 1, 2


@asynccontextmanager
async def adapters(folder: Path, boards: Mapping[str, Board]) -> AsyncIterator[None]:
    """Ports in a folder, each with a board behind it."""
    servers = [PtyServer(board, folder / name, baud=0) for name, board in boards.items()]
    tasks = [asyncio.create_task(server.run()) for server in servers]
    try:
        for server in servers:
            await wait_for(server.path.exists, "a port")
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def scan(folder: Path, *arguments: str) -> Result:
    return await run_command(folder, "check", "--scan", "--ports", f"{folder}/tty*", *arguments)


async def read_by_the_service(system: System, batteries: int) -> None:
    """Run what the scan has written; only the store is put where a test may write."""
    with system.config_file.open("a", encoding="utf-8") as file:
        file.write(f'[store]\ndirectory = "{system.state}"\n')
    await system.start_main()
    client = await system.connect()
    await wait_for(lambda: "is on the bus" in system.main.text or not system.main.running, "the service on the bus")
    assert system.main.running, system.main.text
    await client.shows({"/System/NrOfModulesOnline": batteries, "/System/NrOfBatteries": batteries})


async def scanned_and_run(tmp_path: Path, boards: Mapping[str, Board]) -> str:
    """Scan, run what was written, and return it."""
    system = System(tmp_path, batteries=0)
    system.config_file.unlink()
    try:
        await system.daemon.start()
        async with adapters(tmp_path, boards):
            written = ("--series", "1", "--write", str(system.config_file), "--bus", system.daemon.address)
            result = await scan(tmp_path, *written)
            assert result.status == 0, result.err
            assert "CHECK: [outputs] simulated, no pin is driven" in result.err
            content = system.config_file.read_text(encoding="utf-8")
            await system.start_outputs()
            await read_by_the_service(system, len(boards))
            return content
    finally:
        await system.stop()


async def test_five_batteries_become_a_configuration_that_reads_them_all(tmp_path: Path) -> None:
    boards = {f"tty{number}": JbdBoard(Pack().reading) for number in range(5)}
    content = await scanned_and_run(tmp_path, boards)
    assert content.count("[[battery]]                 # JBD-EMULATOR, 4 cells, 100 Ah, 13.21 V, 60 %\n") == 5
    assert content.count("# it is found to be a 12.8/100\n") == 5
    assert "NO PIN IS DRIVEN" in content


@pytest.mark.slow
async def test_five_protocols_become_a_configuration_that_reads_them_all(tmp_path: Path) -> None:
    kinds = {"daly": DalyBoard, "jbd": JbdBoard, "jk-pb": JkPbBoard, "pylontech": PylontechBoard, "seplos": SeplosBoard}
    boards: dict[str, Board] = {f"tty-{name}": kind(Pack().reading) for name, kind in kinds.items()}
    content = await scanned_and_run(tmp_path, boards)
    for name in kinds:
        assert f'driver = "{name}"\nport = "{tmp_path}/tty-{name}"\n' in content
    assert "baud" not in content


async def test_where_nothing_is_connected_nothing_is_written(tmp_path: Path) -> None:
    target = tmp_path / "smallbms.toml"
    result = await scan(tmp_path, "--write", str(target))
    assert (result.status, result.out) == (FAILED, "")
    assert "No battery was found" in result.err
    assert not target.exists()


async def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "smallbms.toml"
    target.write_text("# mine\n", encoding="utf-8")
    result = await scan(tmp_path, "--write", str(target))
    assert result.status == WRONG
    assert "exists and is not overwritten" in result.err
    assert target.read_text(encoding="utf-8") == "# mine\n"


async def test_what_cannot_be_written_is_printed(tmp_path: Path) -> None:
    async with adapters(tmp_path, {"tty1": JbdBoard(Pack().reading)}):
        result = await scan(tmp_path, "--write", str(tmp_path / "missing" / "smallbms.toml"))
    assert result.status == FAILED
    assert "cannot be written: No such file or directory" in result.err
    assert 'driver = "jbd"' in result.out


async def test_a_port_of_somebody_else_is_left_alone_and_on_a_gx_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = tmp_path / "ttyUSB7"
    port.touch()
    monkeypatch.setattr(scanning, "SERIAL_STARTER", str(tmp_path))
    with port.open() as file:
        other = await asyncio.create_subprocess_exec("sleep", "60", stdin=file)
    arguments = Namespace(write=None, ports=[str(port)], ble=False, series=None, bus=None)
    try:
        assert await scanning.scan(arguments) == FAILED
    finally:
        other.kill()
        await other.wait()
    said = capsys.readouterr().err
    assert f"{port}: left alone, sleep ({other.pid}) has it; to have it: " in said
    assert "/serial-starter/stop-tty.sh ttyUSB7\n" in said


@pytest.mark.parametrize(
    ("about", "asked"), [({"device": ""}, True), ({"device": "", "type": "0\n"}, False), ({}, False)]
)
async def test_a_name_without_hardware_behind_it_is_not_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    about: dict[str, str],
    asked: bool,
) -> None:
    monkeypatch.setattr(serial_ports, "TTYS", str(tmp_path / "class"))
    port, folder = tmp_path / "ttyS9", tmp_path / "class" / "ttyS9"
    port.touch()
    folder.mkdir(parents=True)
    for name, content in about.items():
        (folder / name).write_text(content)
    await scanning.scan(Namespace(write=None, ports=[str(port)], ble=False, series=None, bus=None))
    assert (str(port) in capsys.readouterr().err) == asked


async def test_a_port_is_named_by_what_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serial_ports, "BY_PATH", f"{tmp_path}/by-path")
    (tmp_path / "by-path").mkdir()
    (tmp_path / "by-path" / "usb-A").symlink_to(tmp_path / "ttyUSB0")
    async with adapters(tmp_path, {"ttyUSB0": JbdBoard(Pack().reading)}):
        arguments = Namespace(write=None, ports=[f"{tmp_path}/ttyUSB*"], ble=False, series=None, bus=None)
        assert await scanning.scan(arguments) == 0
    assert f'port = "{tmp_path}/by-path/usb-A"\n' in capsys.readouterr().out


async def test_a_battery_that_a_service_reads_is_left_alone(tmp_path: Path) -> None:
    system = System(tmp_path)
    try:
        await system.start()
        before = len(system.main.lines)
        result = await run_command(tmp_path, "check", "--scan", "--ports", str(system.battery.cable.path))
        assert result.status == FAILED
        assert f"{system.battery.cable.path}: cannot be opened: another program uses it" in result.err
        assert not [line for line in system.main.lines[before:] if "WARNING" in line.text]
    finally:
        await system.stop()


async def test_what_is_not_complete_is_printed_and_what_is_missing_is_said(tmp_path: Path) -> None:
    """Packs that are in no table get models of their own; different ones are no bank."""
    cells = {"tty1": 15, "tty2": 17, "tty3": 10}
    async with adapters(
        tmp_path, {port: JbdBoard(Pack(cells_v=[3.3] * count).reading) for port, count in cells.items()}
    ):
        result = await scan(tmp_path)
    assert result.status == FAILED
    assert "[[battery]] model: 15s-100ah, 17s-100ah in one bank; allowed is one model" in result.err
    assert '[model."15s-100ah"]' in result.out
    assert "# CHECK: 10 cells and 100 Ah are no battery that can be used here" in result.out
