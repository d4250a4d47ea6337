"""The command that describes the JSON of `…/state`."""

from __future__ import annotations

import json
from argparse import Namespace

from smallbms.publish.report import schema


def show(arguments: Namespace) -> int:
    """Print the JSON schema."""
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
    return 0
