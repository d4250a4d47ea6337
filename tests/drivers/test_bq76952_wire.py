"""The wire to a BQ76952: checksums, answers that are none, and noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.bq76952 import Bq76952
from smallbms.drivers.bq76952_registers import Subcommand
from smallbms.drivers.bq76952_wire import Wire
from smallbms.drivers.crc8 import crc8
from smallbms.drivers.i2c import Pause, Transfer
from smallbms.errors import FrameError

from .chips import pair, play


def test_the_checksum_of_smbus() -> None:
    assert crc8(b"123456789") == 0xF4
    assert crc8(b"") == 0


def test_a_wrong_crc_is_asked_for_again_and_then_refused() -> None:
    chip = pair(crc=True)
    expected = chip.reading().cell_voltages_v
    chip.chip.wrong_crcs = 2
    assert chip.reading().cell_voltages_v == expected
    chip.chip.wrong_crcs = 3
    with pytest.raises(FrameError, match="wrong CRC"):
        chip.poll()


def test_a_block_write_is_that_of_the_manual() -> None:
    """SLUUBY2: Cell 1 Gain 0x9180 := 0x307A has the checksum 0x44 and the length 6."""
    sent: list[bytes] = []

    def note(step: Transfer | Pause) -> bytes:
        if isinstance(step, Transfer):
            sent.append(step.data)
        return b""

    play(Wire(8, crc=False).tell(0x9180, bytes((0x7A, 0x30))), note)
    assert sent == [bytes((0x3E, 0x80, 0x91, 0x7A, 0x30)), bytes((0x60, 0x44, 0x06))]


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({0x3E: b"\xff\xff"}, "no answer"),
        ({0x60: b"\x00\x03"}, "a length of 3"),
        ({0x60: b"\x00\x25"}, "a length of 37"),
        ({0x60: b"\x00\x06", 0x40: b"\x12\x34"}, "wrong checksum"),
    ],
)
def test_an_answer_that_is_none_is_refused(answers: dict[int, bytes], told: str) -> None:
    def answer(step: Transfer | Pause) -> bytes:
        if isinstance(step, Pause) or not step.size:
            return b""
        return answers.get(step.data[0], bytes((int(Subcommand.CHARGE), 0)))[: step.size]

    with pytest.raises(FrameError, match=told):
        play(Wire(8, crc=False).ask(Subcommand.CHARGE), answer)


@pytest.mark.parametrize(
    ("number", "data", "told"),
    [(Subcommand.CHARGE, bytes(8), "a charge of 8 bytes"), (0x91A8, bytes(4), "4 bytes of data memory")],
)
def test_a_short_answer_is_refused(number: int, data: bytes, told: str) -> None:
    chip = pair()
    if number == Subcommand.CHARGE:
        chip.reading()
    chip.chip.answers[number] = data
    with pytest.raises(FrameError, match=told):
        chip.poll()


@given(noise=st.randoms(use_true_random=False), crc=st.booleans(), ready=st.booleans())
def test_noise_is_refused_or_harmless(noise: object, crc: bool, ready: bool) -> None:
    chip = pair(crc=crc)
    if ready:
        chip.reading()
    randbytes = noise.randbytes  # type: ignore[attr-defined]

    def answer(step: Transfer | Pause) -> bytes:
        return bytes(randbytes(step.size)) if isinstance(step, Transfer) else b""

    with pytest.raises(FrameError):
        play(chip.driver.poll(), answer)


def test_a_whole_poll_takes_few_transfers() -> None:
    chip = pair()
    chip.reading()
    sent = 0

    def count(step: Transfer | Pause) -> bytes:
        nonlocal sent
        if isinstance(step, Pause):
            return b""
        sent += 1
        chip.chip.write(step.data)
        return chip.chip.read(step.size)

    assert play(chip.driver.poll(), count) is not None
    assert sent <= 10


def test_a_driver_has_no_name_of_its_own_among_those_of_serial_lines() -> None:
    from smallbms import drivers

    assert Bq76952.__name__ not in {driver.__name__ for driver in drivers.available().values()}
