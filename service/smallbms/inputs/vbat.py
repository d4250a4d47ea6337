"""Vbat from a file that holds a number, as the kernel's ADC channels do."""

from __future__ import annotations

import asyncio
import logging
import math
from pathlib import Path

PERIOD_S = 1.0

_log = logging.getLogger(__name__)


class VbatFile:
    """Reads `path` × `volts_per_count` once a second; `voltage_v` is None while it cannot be read."""

    def __init__(self, path: Path, volts_per_count: float) -> None:
        self._path = path
        self._volts_per_count = volts_per_count
        self._failed = False
        self.voltage_v: float | None = None

    async def run(self) -> None:
        """Read until cancelled; an ADC may take its time, so not on the loop."""
        while True:
            self.voltage_v = await asyncio.to_thread(self._read)
            await asyncio.sleep(PERIOD_S)

    def _read(self) -> float | None:
        try:
            volts = float(self._path.read_text(encoding="ascii")) * self._volts_per_count
        except (OSError, ValueError) as error:
            if not self._failed:
                _log.warning("Vbat cannot be read from %s: %s", self._path, error)
            self._failed = True
            return None
        if self._failed:
            _log.info("Vbat is read from %s again", self._path)
        self._failed = False
        return volts if math.isfinite(volts) else None
