"""What is in `inside` needs the hardware of the test bed, and is collected there alone."""

from __future__ import annotations

import os

INSIDE = os.uname().release.endswith("-hwbed")

collect_ignore = [] if INSIDE else ["inside"]
