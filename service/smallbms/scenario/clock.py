"""Times of a scenario as people write them: hours:minutes or hours:minutes:seconds, since the start or midnight."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

FORM = "a time as 1:30 (an hour and a half) or 0:00:45.5 (45.5 seconds)"

_TIME = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d(?:\.\d{1,3})?))?")


def seconds(text: object) -> float:
    """Return the seconds of a written time; raise ValueError."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(FORM)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3] or 0)


def written(time_s: float) -> str:
    """Return a time as it is written, to the second, tenths where there are any."""
    tenths = round(time_s * 10)
    rest = f".{tenths % 10}" if tenths % 10 else ""
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}{rest}"


Time = Annotated[float, BeforeValidator(seconds), Field(description=FORM)]
