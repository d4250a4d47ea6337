"""Where links find the log of their troubles."""

from __future__ import annotations

from smallbms.trouble import TroubleLog as TroubleLog
