"""Bluetooth is tried where its library can be had: Python 3.12 and newer."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("aiobmsble") else ["test_radio.py"]
