"""When what is kept: trips and settings at once, the state of charge every 60 s or 0.5 %."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from smallbms.core import saving
from smallbms.core.state import EngineState
from smallbms.settings import Settings, to_json

ENGINE, SETTINGS, DEVICE = "engine", "settings", "device"
SAVE_S = 60.0
SAVE_PCT = 0.5
PORTAL_ID = re.compile(r"[0-9a-f]{12}")
LOOPBACK = "000000000000"
IDENTITY_FILES = (Path("/data/venus/unique-id"), Path("/etc/machine-id"))


class Shelf(Protocol):
    """Where it is kept: the store."""

    def save(self, name: str, data: dict[str, Any], *, urgent: bool = False) -> None: ...


class Memory:
    """Gives the store what must survive, as seldom as it may."""

    def __init__(self, store: Shelf) -> None:
        self._store = store
        self._urgent = 0
        self._saved_at_s: float | None = None
        self._soc_pct: float | None = None

    def keep(
        self, state: EngineState, wall_s: float, readable_before: frozenset[int] = frozenset(), *, now: bool = False
    ) -> None:
        """After each step; `now` without regard to what is due. `readable_before`: see saving.saved."""
        soc_pct, now_s = state.soc.soc_pct, state.last_s
        urgent = state.urgent != self._urgent or (soc_pct is None) is not (self._soc_pct is None)
        moved = soc_pct is not None and self._soc_pct is not None and abs(soc_pct - self._soc_pct) >= SAVE_PCT
        due = self._saved_at_s is None or now_s - self._saved_at_s >= SAVE_S
        if now or urgent or moved or due:
            self._urgent, self._saved_at_s, self._soc_pct = state.urgent, now_s, soc_pct
            self._store.save(ENGINE, saving.saved(state, wall_s, readable_before), urgent=True)

    def keep_settings(self, settings: Settings) -> None:
        self._store.save(SETTINGS, dict(to_json(settings)), urgent=True)

    def keep_device(self, device: Mapping[str, Any]) -> None:
        self._store.save(DEVICE, dict(device), urgent=True)


def new_serial(service_name: str, seed: str) -> str:
    """The serial made once for this machine and service: bus name, MQTT device and nonce hang on it."""
    return "SB" + hashlib.sha256((seed + service_name).encode()).hexdigest()[:10].upper()


def machine_seed(files: tuple[Path, ...] = IDENTITY_FILES) -> str | None:
    """What makes this machine unlike any other; None where it has no such thing."""
    for file in files:
        try:
            seed = file.read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            continue
        if seed:
            return seed
    return None


def portal_id(unique_id: Path = IDENTITY_FILES[0], network: Path = Path("/sys/class/net")) -> str:
    """The VRM portal id, 12 hex digits: a GX's own, else the first adapter's MAC, else of the machine's seed."""
    for file in (unique_id, *sorted(device.parent / "address" for device in network.glob("*/device"))):
        with contextlib.suppress(OSError):
            text = file.read_text(encoding="ascii", errors="replace").strip().lower().replace(":", "")
            if PORTAL_ID.fullmatch(text) and text != LOOPBACK:
                return text
    return hashlib.sha256((machine_seed() or "").encode()).hexdigest()[:12]
