"""TI's BQ76952: a monitor for up to 16 cells on I²C that measures, protects and balances, for batteries of one's own.

It keeps its settings in RAM: they are read back before anything is believed, written where they differ, and looked
after at every poll. A chip that is set up already is left alone: while it is configured its FETs are off.
Source: TI, BQ76952 datasheet (SLUSE13) and Technical Reference Manual (SLUUBY2).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from struct import Struct

from smallbms.drivers.bq76952_reading import CELLS, PACK, STATE_SIZE, TEMPERATURES, Answers, decoded
from smallbms.drivers.bq76952_registers import DEVICE_NUMBER, FET_ENABLED, Register, Status, Subcommand
from smallbms.drivers.bq76952_settings import Board, Setting, current_unit_a, settings
from smallbms.drivers.bq76952_wire import BUFFER_SIZE, Wire
from smallbms.drivers.i2c import Pause, Steps
from smallbms.errors import FrameError
from smallbms.model import BatteryModel, BatteryReading, Identity

MODE_LOOKS, MODE_PAUSE_S = 20, 0.002  # entering and leaving the configuration takes 2 ms
FIRMWARE = Struct(">HHH")


class Bq76952:
    """One chip and the cells behind it; each method is a conversation.

    `key` is its identity where its builder left nothing in MANU_DATA: it has no serial number.
    """

    def __init__(self, *, key: str, model: BatteryModel, board: Board, address: int = 0x08, crc: bool = False) -> None:
        self._wire = Wire(address, crc=crc)
        self._board = board
        self._settings = settings(board, model)
        self._unit_a = current_unit_a(model)
        self._identity = Identity(key=key)
        self._ready = False
        self._bleeding: tuple[int, ...] = ()  # cells, from 1, as far as is known
        self._rested: tuple[int, ...] = ()  # that were bled until they had to be read

    @property
    def bleeding(self) -> bool:
        """Whether cells are being bled: their voltages, and those beside them, cannot be believed then."""
        return bool(self._bleeding)

    def poll(self) -> Steps[BatteryReading | None]:
        """Read all; None if it had to be set up first: its first values come 0.1 s later.

        Raises FrameError for what must not be handed on: another chip, lost settings, cells that do not add up.
        """
        if not self._ready:
            yield from self._set_up()
            return None
        wire = self._wire
        rested, self._rested = self._rested, ()
        answers = Answers(
            cells=(yield from wire.read(Register.CELLS, CELLS.size)),
            pack=(yield from wire.read(Register.STACK, PACK.size)),
            temperatures=(yield from wire.read(Register.TEMPERATURES, TEMPERATURES.size)).data,
            fets=(yield from wire.read(Register.FETS, 1)).data[0],
            charge=(yield from wire.ask(Subcommand.CHARGE)),
            state=(yield from wire.read(Register.SAFETY, STATE_SIZE)).data,  # last, so that a reset before it shows
        )
        if answers.status & (Status.WAS_RESET | Status.CONFIGURING):
            self._ready = False
            raise FrameError("the chip has lost its settings (a reset): it is set up anew")
        return decoded(answers, self._board, self._unit_a, self._identity, rested)

    def rest(self) -> Steps[None]:
        """Bleed nothing, so that the cells can be read 0.1 s later; like `bleed`."""
        rested = self._bleeding
        yield from self.bleed(())
        self._rested = rested

    def bleed(self, cells: Collection[int]) -> Steps[None]:
        """Bleed these cells (from 1) for up to 20 s, and no others. Raises FrameError if the chip does otherwise."""
        inputs = self._board.inputs
        mask = sum(1 << (inputs[cell - 1] - 1) for cell in cells)
        self._bleeding += tuple(cells)  # should this fail midway
        yield from self._wire.tell(Subcommand.BLEEDING, mask.to_bytes(2, "little"))
        active = int.from_bytes((yield from self._wire.ask(Subcommand.BLEEDING))[:2], "little")
        if active & ~mask:
            raise FrameError(f"inputs 0x{active:04X} are bled, wanted are 0x{mask:04X}")
        self._bleeding = tuple(cell for cell, number in enumerate(inputs, 1) if active >> (number - 1) & 1)

    # --- setting up ---------------------------------------------------------------------------------------------

    def _set_up(self) -> Steps[None]:
        wire = self._wire
        number = int.from_bytes((yield from wire.ask(Subcommand.DEVICE_NUMBER))[:2], "little")
        if number != DEVICE_NUMBER:
            raise FrameError(f"device number 0x{number:04X}: not a BQ76952")
        yield from self._introduce()
        status = yield from self._status()
        if status & (Status.WAS_RESET | Status.CONFIGURING) or (yield from self._first_difference()):
            yield from self._configure(status)
        yield from self.bleed(())
        if self._board.fets:
            enabled = yield from wire.ask(Subcommand.MANUFACTURING_STATUS)
            if not int.from_bytes(enabled[:2], "little") & FET_ENABLED:
                yield from wire.command(Subcommand.FET_ENABLE)
            yield from wire.command(Subcommand.ALL_FETS_ON)
        self._ready = True

    def _introduce(self) -> Steps[None]:
        """Who it is: its firmware, and a serial number if its builder left one."""
        _, version, build = FIRMWARE.unpack_from((yield from self._wire.ask(Subcommand.FIRMWARE)).ljust(FIRMWARE.size))
        mark = (yield from self._wire.ask(Subcommand.MANUFACTURER_DATA)).rstrip(b"\0 ")
        serial = mark.decode("ascii") if mark.isascii() and mark.decode("ascii").isprintable() and mark else None
        self._identity = replace(
            self._identity,
            key=serial or self._identity.key,
            serial=serial,
            model="BQ76952",
            firmware=f"{version >> 8:x}.{version & 0xFF:02x}.{build}",
        )

    def _status(self) -> Steps[int]:
        return int.from_bytes((yield from self._wire.read(Register.BATTERY_STATUS, 2)).data, "little")

    def _configure(self, status: int) -> Steps[None]:
        """Write all settings and read them back."""
        if status & Status.SEALED == Status.SEALED:
            raise FrameError("the chip is sealed: it takes no settings")
        yield from self._wire.command(Subcommand.CONFIGURE)
        yield from self._await_mode(Status.CONFIGURING)
        for setting in self._settings:
            yield from self._wire.tell(setting.address, setting.data)
        yield from self._wire.command(Subcommand.CONFIGURED)
        yield from self._await_mode(Status(0))
        wrong = yield from self._first_difference()
        if wrong is not None:
            raise FrameError(f"the setting {wrong.name} is not taken")

    def _await_mode(self, wanted: Status) -> Steps[None]:
        for _ in range(MODE_LOOKS):
            yield Pause(MODE_PAUSE_S)
            if (yield from self._status()) & Status.CONFIGURING == wanted:
                return
        raise FrameError("the chip does not change into or out of its configuration")

    def _first_difference(self) -> Steps[Setting | None]:
        """The first setting that is not as it should be; one block of the data memory shows several."""
        start, block = 0, b""
        for setting in self._settings:
            if not 0 <= setting.address - start <= len(block) - len(setting.data):
                start, block = setting.address, (yield from self._wire.ask(setting.address))
                if len(block) != BUFFER_SIZE:
                    raise FrameError(f"{len(block)} bytes of data memory, {BUFFER_SIZE} wanted")
            at = setting.address - start
            if block[at : at + len(setting.data)] != setting.data:
                return setting
        return None
