"""A BQ76952 as seen from its I²C: registers, subcommands, data memory, balancing, watchdog, and its charge counter.

Written from TI's Technical Reference Manual (SLUUBY2); what it does not know it acknowledges and ignores.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack, pack_into, unpack

from smallbms.drivers.bq76952_registers import DEVICE_NUMBER, ZERO_CELSIUS, Register, Status, Subcommand
from smallbms.drivers.bq76952_settings import ADC_MV_PER_A
from smallbms.drivers.bq76952_settings import CAPACITY_GAIN as WHOLE_GAIN
from smallbms.drivers.bq76952_wire import BUFFER, BUFFER_SIZE, CHECKSUM, FRAMING, SUBCOMMAND, buffer_checksum
from smallbms.drivers.crc8 import crc8
from smallbms.model import BatteryReading

LENGTH = CHECKSUM + 1
TRANSFER = range(SUBCOMMAND, LENGTH + 1)
MEMORY = range(0x9180, 0x9400)
DELIVERED = {  # what a chip has in its data memory before anyone writes to it
    0x9234: pack("<H", 0x2982),
    0x9261: b"\x88",
    0x9265: b"\x98\xd5\x56",
    0x9269: b"\xe4\xe6\xe2",
    0x9275: b"\x32\x4a\x00\x56\x4a\x00",
    0x92FD: b"\x07\x00\x00",
    0x9303: b"\x05\x00\x00",
    0x9308: b"\x0d",
    0x9339: b"\x14\x01",
}
GAIN, CAPACITY_GAIN, UNITS, INPUTS, INTERVAL, MOST = 0x91A8, 0x91AC, 0x9303, 0x9304, 0x9339, 0x933A
PROTECTIONS_C, WATCHDOG, THERMISTORS = 0x9263, 0x92B2, 0x92FD
UNITS_A = (0.0001, 0.001, 0.01, 0.1)
SETTLING_S = 0.06  # a whole scan of the cells
BLED_V, BESIDE_V = -0.030, 0.015  # how far readings are off while a cell, or its neighbour, is bled
ROOM_C = 25.0


class Bq76952Chip:
    """A chip on a board with `sense_mohm`, whose cells, from the lowest input on, are those of `state()`.

    `bleed(inputs)` is told which inputs (from 1) are bled from now on. `clock()` is the chip's own time.
    """

    def __init__(
        self,
        state: Callable[[], BatteryReading],
        clock: Callable[[], float],
        *,
        address: int = 0x08,
        crc: bool = False,
        sense_mohm: float = 0.5,
        inputs: tuple[int, ...] = tuple(range(1, 17)),
        bleed: Callable[[frozenset[int]], None] = lambda inputs: None,
    ) -> None:
        self.device_number = DEVICE_NUMBER
        self.manufacturer_data = b""
        self.safety = bytearray(6)  # alert and status of A, B, C; or-ed into what it finds itself
        self.failure = bytearray(8)
        self.status = Status(0)  # or-ed in
        self.stack_off_v = 0.0  # by an open wire
        self.refuses = 0x0000  # a setting that it does not take
        self.wrong_crcs = 0  # so many reads from now on
        self.deaf_to_bleeding = False  # goes on as it is, whatever it is told
        self.answers: dict[int, bytes] = {}  # to subcommands, whatever nonsense it is
        self.configured = 0  # times
        self._state, self._clock, self._bleed = state, clock, bleed
        self._address, self._crc, self._inputs = address, crc, inputs
        self._right = ADC_MV_PER_A / sense_mohm  # CC gain
        self.reset()

    def reset(self) -> None:
        """Power on: all settings are those of a new chip."""
        self.configuring, self.was_reset, self.fets_enabled, self.fets_on = False, True, False, False
        self._now_s = self._spoken_at_s = self._clock()
        self._memory = bytearray(len(MEMORY))
        for address, data in DELIVERED.items():
            self.forge(address, data)
        self._registers = bytearray(0x80)
        self._pointer = 0
        self._charge_ah, self._charge_s = 0.0, 0.0
        self._told_at_s, self._stopped_at_s = self._now_s, self._now_s - SETTLING_S
        self._bleeding: frozenset[int] = frozenset()
        self._bleed(self._bleeding)

    def truth(self) -> BatteryReading:
        """What there is to measure now."""
        return self._state()

    def forge(self, address: int, data: bytes) -> None:
        """Change the data memory behind everybody's back."""
        at = address - MEMORY.start
        self._memory[at : at + len(data)] = data

    @property
    def bleeding(self) -> frozenset[int]:
        """The inputs that are bled now."""
        self._pass_time()
        return self._bleeding

    @property
    def fets_open(self) -> bool:
        """Whether the host's watchdog, or the host, keeps its FETs off."""
        self._pass_time()
        return self.configuring or not (self.fets_enabled and self.fets_on) or self._watchdog_bit() != 0

    # --- the wire -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        self._pass_time()
        self._pointer, body = data[0], data[1:]
        if self._crc and body:
            good = self._crcs(bytes((self._pointer,)), body[::2])
            if body[1::2] != good:
                return False
            body = body[::2]
        self._spoken_at_s = self._now_s
        if body:
            self._registers[self._pointer : self._pointer + len(body)] = body
            self._written(self._pointer, len(body))
        return True

    def read(self, size: int) -> bytes:
        if not size:
            return b""
        start = self._pointer
        if start not in TRANSFER:
            self._refresh()
        data = bytes(self._registers[start : start + (size // 2 if self._crc else size)])
        if not self._crc:
            return data
        crcs = self._crcs(bytes((start, self._address << 1 | 1)), data)
        if self.wrong_crcs:
            self.wrong_crcs -= 1
            crcs = crcs[:-1] + bytes((crcs[-1] ^ 0x01,))
        return bytes(byte for pair in zip(data, crcs, strict=True) for byte in pair)

    def _crcs(self, head: bytes, data: bytes) -> bytes:
        first = bytes((self._address << 1,)) + head
        return bytes(crc8(first + data[:1] if at == 0 else data[at : at + 1]) for at in range(len(data)))

    # --- subcommands --------------------------------------------------------------------------------------------

    def _written(self, start: int, count: int) -> None:
        if start <= SUBCOMMAND + 1 < start + count:
            self._look_up(int.from_bytes(self._registers[SUBCOMMAND:BUFFER], "little"), alone=start + count <= BUFFER)
        if start <= LENGTH < start + count:
            self._execute(int.from_bytes(self._registers[SUBCOMMAND:BUFFER], "little"))

    def _look_up(self, number: int, *, alone: bool) -> None:
        """The upper byte of a subcommand was written: obey it, or show its data."""
        if alone:
            self._obey(number)
            data = self._data(number)
            self._registers[BUFFER:CHECKSUM] = data.ljust(BUFFER_SIZE, b"\0")
            body = bytes(self._registers[SUBCOMMAND:BUFFER]) + data
            self._registers[CHECKSUM], self._registers[LENGTH] = buffer_checksum(body), len(data) + FRAMING

    def _data(self, number: int) -> bytes:
        if number in self.answers:
            return self.answers[number]
        if number in MEMORY:
            at = number - MEMORY.start
            return bytes(self._memory[at : at + BUFFER_SIZE]).ljust(BUFFER_SIZE, b"\0")
        match number:
            case Subcommand.DEVICE_NUMBER:
                return pack("<H", self.device_number)
            case Subcommand.FIRMWARE:
                return pack(">HHH", self.device_number, 0x0036, 0x0010)
            case Subcommand.MANUFACTURING_STATUS:
                return pack("<H", self.fets_enabled << 4)
            case Subcommand.MANUFACTURER_DATA:
                return self.manufacturer_data.ljust(BUFFER_SIZE, b"\0")
            case Subcommand.CHARGE:
                counts = self._charge_ah / self._unit_a() * self._scale(CAPACITY_GAIN, self._right * WHOLE_GAIN)
                whole = int(counts // 1)
                return pack("<iII20x", whole, int((counts - whole) * 2**32), int(self._charge_s))
            case Subcommand.BLEEDING:
                return pack("<H", sum(1 << (number - 1) for number in self._bleeding))
        return b""

    def _obey(self, number: int) -> None:
        match number:
            case Subcommand.CONFIGURE:
                self.configuring = True
            case Subcommand.CONFIGURED:
                self.configured += self.configuring
                self.configuring = self.was_reset = False
            case Subcommand.FET_ENABLE:
                self.fets_enabled = not self.fets_enabled
            case Subcommand.ALL_FETS_ON:
                self.fets_on = True

    def _execute(self, number: int) -> None:
        """Length and checksum were written: take the data, if they are right."""
        size = self._registers[LENGTH] - FRAMING
        data = bytes(self._registers[BUFFER : BUFFER + max(0, size)])
        body = bytes(self._registers[SUBCOMMAND:BUFFER]) + data
        if not 0 < size <= BUFFER_SIZE or self._registers[CHECKSUM] != buffer_checksum(body):
            return
        if number in MEMORY and self.configuring and number != self.refuses:
            self.forge(number, data)
        if number == Subcommand.BLEEDING and not self.deaf_to_bleeding:
            (mask,) = unpack("<H", data)
            wanted = frozenset(bit + 1 for bit in range(16) if mask >> bit & 1)
            self._set_bleeding(wanted if self._may_bleed(wanted) else frozenset())

    def _may_bleed(self, inputs: frozenset[int]) -> bool:
        beside = any(number + 1 in inputs for number in inputs)
        return not beside and len(inputs) <= self._byte(MOST) and not self.configuring

    def _set_bleeding(self, inputs: frozenset[int]) -> None:
        self._told_at_s = self._now_s
        if inputs != self._bleeding:
            self._stopped_at_s = self._now_s
            self._bleeding = inputs
            self._bleed(inputs)

    # --- time and measurement -----------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        now_s = self._clock()
        passed_s, self._now_s = now_s - self._now_s, now_s
        self._charge_ah += (self._state().current_a or 0.0) * passed_s / 3600
        self._charge_s += passed_s
        if self._bleeding and now_s - self._told_at_s >= self._byte(INTERVAL):
            self._set_bleeding(frozenset())

    def _refresh(self) -> None:
        self._pass_time()
        state, registers = self._state(), self._registers
        fets = 0 if self.fets_open else 0x05
        temperatures_c = dict(zip(("TS1", "TS2", "TS3"), state.cell_temperatures_c, strict=False))
        raw = [ROOM_C, None, None, None, *(temperatures_c.get(pin) for pin in ("TS1", "TS2", "TS3"))]
        enabled = [True, False, False, False, *(self._byte(THERMISTORS + pin) for pin in range(3))]
        registers[Register.SAFETY : Register.SAFETY + 6] = self.safety
        registers[Register.SAFETY + 5] |= self._watchdog_bit()
        registers[Register.FAILURE : Register.FAILURE + 8] = self.failure
        status = self.status | (Status.CONFIGURING if self.configuring else 0)
        pack_into(
            "<H", registers, Register.BATTERY_STATUS, status | (Status.WAS_RESET if self.was_reset else 0) | 1 << 8
        )
        inputs = [round(1000 * self._input_v(number, state)) for number in range(1, 17)]
        pack_into("<16h", registers, Register.CELLS, *inputs)
        total_v = sum(v or 0.0 for v in state.cell_voltages_v) + self.stack_off_v
        pack_into("<hhh", registers, Register.STACK, *[round(total_v * 100)] * 3)
        shown = (state.current_a or 0.0) / self._unit_a() * self._scale(GAIN, self._right)
        pack_into("<h", registers, Register.STACK + 6, max(-0x8000, min(0x7FFF, round(shown))))
        for at, (celsius, on) in enumerate(zip(raw, enabled, strict=True)):
            kelvin = 0 if not on else 65535 if celsius is None else round(celsius * 10) + ZERO_CELSIUS
            pack_into("<H", registers, Register.TEMPERATURES + 2 * at, kelvin)
        registers[Register.FETS] = fets

    def _input_v(self, number: int, state: BatteryReading) -> float:
        """What an input shows: disturbed while it or its neighbour is bled, and until the next scan is through."""
        if number not in self._inputs:
            return 0.0
        volts = state.cell_voltages_v[self._inputs.index(number)] or 0.0
        if not self._bleeding:
            return volts + (BESIDE_V if self._now_s - self._stopped_at_s < SETTLING_S else 0.0)
        beside = (number - 1 in self._bleeding) + (number + 1 in self._bleeding)
        return volts + BLED_V * (number in self._bleeding) + BESIDE_V * beside

    def _watchdog_bit(self) -> int:
        (delay_s,) = unpack("<H", self._memory[WATCHDOG - MEMORY.start : WATCHDOG - MEMORY.start + 2])
        silent = self._byte(PROTECTIONS_C) & 0x02 and self._now_s - self._spoken_at_s > delay_s
        return 0x02 if silent else 0

    # --- data memory --------------------------------------------------------------------------------------------

    def _byte(self, address: int) -> int:
        return self._memory[address - MEMORY.start]

    def _unit_a(self) -> float:
        return UNITS_A[self._byte(UNITS) & 3]

    def _scale(self, address: int, right: float) -> float:
        """How much of the truth a gain in the data memory shows."""
        at = address - MEMORY.start
        (gain,) = unpack("<f", self._memory[at : at + 4])
        return float(gain) / right
