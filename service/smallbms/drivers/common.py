"""What several protocols need to find frames on a wire and to name what their bits say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smallbms.words import Fault

NO_FAULTS: frozenset[Fault] = frozenset()


def beginnings(mark: bytes, reply: bytes) -> Iterator[int]:
    """Every place where `mark` begins; at the end of the reply also a part of it."""
    at = reply.find(mark)
    while at >= 0:
        yield at
        at = reply.find(mark, at + 1)
    for at in range(max(0, len(reply) - len(mark) + 1), len(reply)):
        if mark.startswith(reply[at:]):
            yield at


def bits(word: int) -> tuple[int, ...]:
    """The numbers of the set bits, from 1."""
    return tuple([number for number in range(1, word.bit_length() + 1) if word >> (number - 1) & 1])


def faults_of(bits: int, table: Sequence[Fault | None]) -> frozenset[Fault]:
    """The faults of the set bits; None in the table: the bit is no protection."""
    if not bits:
        return NO_FAULTS
    return frozenset([fault for number, fault in enumerate(table) if fault is not None and bits >> number & 1])
