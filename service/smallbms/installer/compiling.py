"""Compile a version once, when it is installed: a GX would need many seconds at each start.

A GX has neither py_compile nor compileall, and what runs there writes nothing (`python3 -B`).
"""

from __future__ import annotations

import marshal
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

_BY_TIME = bytes(4)  # PEP 552: valid while the source has this time and size


def compile_tree(tree: Path, final: Path) -> None:
    """Write the compiled form beside each module of `tree`, which will be renamed to `final`.

    What this Python cannot compile is left alone: it is for another one, and nothing here imports it.
    """
    for source in tree.rglob("*.py"):
        try:
            code = compile(source.read_bytes(), str(final / source.relative_to(tree)), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        status = source.stat()
        stamp = b"".join(
            (int(number) & 0xFFFFFFFF).to_bytes(4, "little") for number in (status.st_mtime, status.st_size)
        )
        compiled = Path(cache_from_source(str(source)))
        compiled.parent.mkdir(exist_ok=True)
        compiled.write_bytes(MAGIC_NUMBER + _BY_TIME + stamp + marshal.dumps(code))
