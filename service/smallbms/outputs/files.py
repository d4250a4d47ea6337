"""Small JSON files beside the socket."""

from __future__ import annotations

import json
import os


def replace_file(path: str, content: object) -> None:
    """Write JSON so that a reader sees the old or the new, never half; raise OSError."""
    new = f"{path}.new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(content, file)
    os.replace(new, path)


def load_object(path: str) -> dict[str, object]:
    """Return the JSON object in a file; raise OSError or ValueError."""
    with open(path, encoding="utf-8") as file:
        try:
            found = json.load(file)
        except RecursionError:
            raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found
