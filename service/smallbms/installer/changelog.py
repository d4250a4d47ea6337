"""What changed between two versions, from CHANGELOG.md: one `## <version>` section each, newest first."""

from __future__ import annotations

import re

_SECTION = re.compile(r"^## +(\S+).*?$", re.MULTILINE)


def version_key(version: str) -> tuple[int, ...]:
    """Return what orders versions: their numbers."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def between(text: str, older: str, newer: str) -> str:
    """Return the sections above `older` up to `newer`, as they are; "" if there is none."""
    starts = [*_SECTION.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    wanted = [
        text[start.start() : end].strip()
        for start, end in zip(starts, ends, strict=False)
        if version_key(older) < version_key(start[1]) <= version_key(newer)
    ]
    return "\n\n".join(wanted)
