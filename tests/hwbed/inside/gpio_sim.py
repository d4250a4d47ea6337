"""GPIO chips of the kernel's own simulator: a program holds the lines, and this is the world at their other end.

Source: Documentation/admin-guide/gpio/gpio-sim.rst of Linux. A pull is what the world does to an input; an output that
nobody holds any more falls to its pull, which is down at first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

CONFIG = Path("/sys/kernel/config/gpio-sim")
DEVICES = Path("/sys/devices/platform")


class GpioSim:
    """A chip with these lines, by their offsets; there while it is entered."""

    def __init__(self, label: str, lines: Sequence[str]) -> None:
        self.label = label
        self.lines = tuple(lines)
        self._device = CONFIG / label
        self._bank = self._device / "bank"

    def __enter__(self) -> GpioSim:
        self._bank.mkdir(parents=True)
        (self._bank / "num_lines").write_text(str(len(self.lines)))
        (self._bank / "label").write_text(self.label)
        for offset, name in enumerate(self.lines):
            (self._bank / f"line{offset}").mkdir()
            (self._bank / f"line{offset}" / "name").write_text(name)
        (self._device / "live").write_text("1")
        self.name = (self._bank / "chip_name").read_text().strip()
        self._wires = DEVICES / (self._device / "dev_name").read_text().strip() / self.name
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        (self._device / "live").write_text("0")
        for offset in range(len(self.lines)):
            (self._bank / f"line{offset}").rmdir()
        self._bank.rmdir()
        self._device.rmdir()

    @property
    def path(self) -> str:
        """Its device."""
        return f"/dev/{self.name}"

    def level(self, line: str) -> bool:
        """The level on a wire."""
        return (self._wire(line) / "value").read_text().strip() == "1"

    def pull(self, line: str, up: bool) -> None:
        """Pull a wire."""
        (self._wire(line) / "pull").write_text("pull-up" if up else "pull-down")

    def _wire(self, line: str) -> Path:
        return self._wires / f"sim_gpio{self.lines.index(line)}"
