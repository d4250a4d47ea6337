"""Remote on/off: what the terminals L and H mean (manual §6, use modes 1 to 4).

On the two terminals of the product, a loop needs no mode of its own: L rests high, H rests low, and whatever voltage
they take when joined is under 3.5 V or over 2.9 V. Two digital inputs do the same if the join is not left between
their levels: pull L up with 10 kΩ to 3.3 V and H down with 100 kΩ to ground. A loop then rests at 3.0 V, H reads high.
The pulls inside the chip alone (both about 50 kΩ) would leave a loop at half the supply, which means nothing to either.
"""

from __future__ import annotations

from smallbms.outputs.lean import NamedTuple

L_BELOW_V = 3.5
H_ABOVE_V = 2.9


class RemoteLevels(NamedTuple):
    """The terminals as read; None = could not be read."""

    l_at_minus: bool | None
    h_at_plus: bool | None
    joined: bool | None = None  # only where something tells it apart from the two levels


def levels_from_voltages(l_v: float | None, h_v: float | None) -> RemoteLevels:
    """Return the levels behind two measured voltages."""
    return RemoteLevels(
        l_at_minus=None if l_v is None else l_v < L_BELOW_V,
        h_at_plus=None if h_v is None else h_v > H_ABOVE_V,
    )


def remote_on(levels: RemoteLevels | None) -> bool:
    """Return whether the terminals say on; a level that was not read says nothing, no remote at all says on."""
    return levels is None or any(levels)
