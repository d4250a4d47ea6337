"""The rule of manual §4.4, judged by what the outputs process said and when."""

from __future__ import annotations

import re
from collections.abc import Iterable

from integration.programs import Line

LATE_S = 1.5  # on a busy machine
_PHASE = re.compile(r"update to \S+: (running|none|failed)(, load output held)?$")
_OUTPUTS = re.compile(r"outputs: atc (on|off), atd (on|off)")


def breaches(lines: Iterable[Line], limit_s: float) -> list[str]:
    """Return where the outputs did not obey: charging while an update was open, or discharging for too long.

    `limit_s`: how long discharging may go on without a healthy version; a retry gives it once more.
    """
    found = []
    began_s: float | None = None
    atd = False
    for line in lines:
        if phase := _PHASE.search(line.text):
            began_s = (began_s or line.at_s) if phase[1] == "running" else None
        elif shown := _OUTPUTS.search(line.text):
            if began_s is not None and shown[1] == "on":
                found.append(f"charging in an update: {line.text}")
            if began_s is not None and atd and line.at_s > began_s + 2 * limit_s + LATE_S:
                found.append(f"discharging {line.at_s - began_s:.1f} s after the begin: {line.text}")
            atd = shown[2] == "on"
    return found


def gaps(lines: Iterable[Line]) -> list[str]:
    """Return where discharging was interrupted."""
    return [line.text for line in lines if "atd off" in line.text]
