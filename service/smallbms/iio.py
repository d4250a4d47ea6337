"""A voltage from the kernel's Industrial I/O (sysfs-bus-iio): (raw + offset) × scale in mV, times a divider.

For the outputs process, too, where every module counts: nothing of ours is imported.
"""

from __future__ import annotations

DEVICES = "/sys/bus/iio/devices"


class Channel:
    """A channel as "iio:device0/in_voltage0" or by its path from the root; `divider` makes V of the wire of V at it."""

    def __init__(self, name: str, divider: float = 1.0) -> None:
        self._path = name if name.startswith("/") else f"{DEVICES}/{name}"
        self._divider = divider

    def read_v(self) -> float:
        """Return the voltage before the divider; as slow as the converter is. Raises OSError."""
        counts = _number(f"{self._path}_raw") + self._property("offset", 0.0)
        return counts * self._property("scale", None) / 1000 * self._divider

    def _property(self, name: str, default: float | None) -> float:
        """A property of this channel, else that of all channels of the device, else the default."""
        device, _, channel = self._path.rpartition("/")
        shared = f"{device}/{channel.rstrip('0123456789')}"
        for path in (f"{self._path}_{name}", f"{shared}_{name}"):
            try:
                return _number(path)
            except FileNotFoundError:
                continue
        if default is None:
            raise FileNotFoundError(f"{self._path}_{name} is not there")
        return default


def _number(path: str) -> float:
    with open(path, "rb") as file:
        text = file.read().strip()
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise OSError(f"{path} reads {text!r}, which is no number")
    return number
