"""VE.Direct text: blocks from any chunks, nothing from a damaged one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.drivers.vedirect import LONGEST, Blocks, fields, shunt_reading
from smallbms.errors import FrameError

SHUNT = {
    "PID": "0xA389", "V": "26201", "VS": "12800", "I": "-7310", "P": "-192", "CE": "-13400", "SOC": "876",
    "TTG": "5940", "Alarm": "OFF", "AR": "0", "BMV": "SmartShunt 500A/50mV", "FW": "0413", "MON": "0",
}  # fmt: skip
HISTORY = {"H1": "-55013", "H2": "-13400", "H18": "4361"}

labels = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="#"), min_size=1, max_size=8)
texts = st.text(st.characters(codec="ascii", min_codepoint=0x20, exclude_characters=":\x7f"), max_size=20)
blocks_of_any = st.dictionaries(labels.filter(lambda label: label != "Checksum"), texts, max_size=12)
hex_frames = st.binary(max_size=20).map(lambda data: b":" + data.replace(b"\n", b"") + b"\n")


def block(values: dict[str, str]) -> bytes:
    """As a device sends it."""
    body = "".join(f"\r\n{label}\t{value}" for label, value in values.items()).encode() + b"\r\nChecksum\t"
    return body + bytes([-sum(body) % 256])


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def read(stream: bytes, cuts: list[int]) -> list[dict[str, str]]:
    blocks = Blocks()
    return [fields(found) for chunk in chunks(stream, cuts) for found in blocks.feed(chunk)]


@given(st.lists(blocks_of_any, min_size=1, max_size=4), st.lists(st.integers(0)))
def test_every_block_comes_out_of_any_chunks(values: list[dict[str, str]], cuts: list[int]) -> None:
    assert read(b"".join(map(block, values)), cuts) == values


@given(st.data(), st.lists(st.tuples(st.integers(0), hex_frames), max_size=5), st.lists(st.integers(0)))
def test_hex_frames_in_between_change_nothing(
    data: st.DataObject, frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    values = data.draw(st.lists(blocks_of_any, min_size=1, max_size=3))
    stream = b"".join(map(block, values))
    checksums = {place for place in range(len(stream)) if stream[:place].endswith(b"\r\nChecksum\t")}
    places = [place for place in range(len(stream) + 1) if place not in checksums]
    for place in sorted((places[index % len(places)] for index, _ in frames), reverse=True):
        stream = stream[:place] + frames.pop()[1] + stream[place:]
    assert read(stream, cuts) == values


@given(st.integers(0, len(block(SHUNT)) - 1), st.integers(1, 255))
def test_a_block_with_a_changed_byte_is_refused_and_the_next_but_one_is_read(place: int, change: int) -> None:
    damaged = bytearray(block(SHUNT))
    damaged[place] ^= change
    found = Blocks().feed(bytes(damaged) + block(HISTORY) + block(SHUNT))
    read_well = []
    for one in found:
        try:
            read_well.append(fields(one))
        except FrameError:
            continue
    assert SHUNT in read_well[-1:]
    assert all(values in (SHUNT, HISTORY) for values in read_well)
    assert read_well.count(SHUNT) == 1


@given(st.binary(max_size=3000))
def test_noise_neither_raises_nor_piles_up(noise: bytes) -> None:
    blocks = Blocks()
    blocks.feed(noise)
    blocks.feed(b"\n" + b"x" * LONGEST)
    found = blocks.feed(block(SHUNT) * 2)
    assert fields(found[-1]) == SHUNT


@pytest.mark.parametrize(("body", "said"), [
    (b"\r\nV\t1\r\nV\t2", "two values of V"),
    (b"\r\nV 1", "no label"),
    (b"\r\n\t1", "no label"),
    (b"\r\nV\t\xff", "no label"),
    (b"I\t5\r\nV\t1", "without its beginning"),
])  # fmt: skip
def test_a_block_that_cannot_be_is_refused_though_its_sum_is_right(body: bytes, said: str) -> None:
    whole = body + b"\r\nChecksum\t"
    with pytest.raises(FrameError, match=said):
        fields(whole + bytes([-sum(whole) % 256]))


def test_a_monitor_s_block_is_a_reading() -> None:
    reading = shunt_reading(SHUNT, 7.0)
    assert reading is not None
    assert (reading.voltage_v, reading.current_a, reading.soc_pct, reading.taken_at_s) == (
        pytest.approx(26.201), pytest.approx(-7.31), pytest.approx(87.6), 7.0,
    )  # fmt: skip


def test_what_it_does_not_know_is_not_read() -> None:
    reading = shunt_reading({"V": "12800", "I": "---", "SOC": "---"}, 7.0)
    assert reading is not None
    assert (reading.voltage_v, reading.current_a, reading.soc_pct) == (pytest.approx(12.8), None, None)


def test_a_block_of_its_history_is_no_reading() -> None:
    assert shunt_reading(HISTORY, 7.0) is None


@pytest.mark.parametrize("text", ["", "1.5", "1_000", "٣", "+5", "0x10", "1" * 10, "nan"])
def test_a_value_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(FrameError, match="V is"):
        shunt_reading({"V": text, "I": "0"}, 7.0)
