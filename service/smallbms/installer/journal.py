"""What a running update has done, kept on the medium so that whoever comes next can bring it to an end."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from enum import StrEnum
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.frozen import frozen
from smallbms.installer import disk

HEALTHY_S = 30.0


class Stage(StrEnum):
    """What is to be done next; update.py says what each does and which one follows."""

    BEGIN = "begin"
    SWITCH = "switch"
    OUTPUTS = "outputs"
    RESTART = "restart"
    WATCH = "watch"
    FINISH = "finish"
    BACK = "back"
    OUTPUTS_BACK = "outputs_back"
    RESTART_BACK = "restart_back"
    WATCH_BACK = "watch_back"


@frozen
class Journal:
    """One update; `before` is what `previous` pointed to.

    `watched`: a main process was in control when it began, so that the new one is judged, within `healthy_s`.
    `outputs`: the outputs process is replaced too. `boot` names the boot in which it began: in another it has failed.
    """

    older: str
    newer: str
    before: str | None
    boot: str
    watched: bool
    outputs: bool
    healthy_s: float
    stage: Stage = Stage.BEGIN


def write(path: Path, journal: Journal) -> None:
    """Keep it; on the medium when this returns. Raises OSError."""
    disk.write(path, json.dumps(asdict(journal)).encode())


def read(path: Path) -> Journal | None:
    """Return what is kept; None = no update runs. Raises InstallError if nobody can tell any more.

    Another version may have written it, and more into it than this one knows.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name: found[field.name] for field in fields(Journal)}
        return Journal(**{**known, "stage": Stage(found["stage"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InstallError(f"{path} cannot be used ({error})") from None


def boot_id(root: Path) -> str:
    """Return what names this boot of the machine; "" where the kernel does not say."""
    try:
        return (root / "proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
