"""Switch on a GX of the tests and log in: python tests/gx [--install | --roots]

This version is on a stick in it, a battery at its USB port. The end of the shell switches it off; nothing is kept.
With --roots nothing is switched on: what GXs of the tests boot is built, if it is not there.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python tests/gx` puts only this folder there

from gx import archives, root
from gx.machine import Gx
from gx.site import Site


def main() -> int:
    parser = argparse.ArgumentParser(prog="gx", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install this version")
    parser.add_argument("--roots", action="store_true", help="only build what is booted")
    options = parser.parse_args()
    if options.roots:
        print(root.venus(), root.armv7(), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="smallbms-gx-") as folder:
        return asyncio.run(_visit(Path(folder), install=options.install))


async def _visit(folder: Path, *, install: bool) -> int:
    archive = archives.build(folder / "out")
    site = Site(Gx(folder, root.unpack(root.venus(), folder / "image")), folder)
    site.put_on_stick(archive)
    try:
        await site.start()
        if install:
            print(await site.install(archive, "--yes", "--config", "/media/sda1/config.toml"))
        shell = await asyncio.create_subprocess_exec(*site.gx.inside("bash"))
        return await shell.wait()
    finally:
        await site.stop()


if __name__ == "__main__":
    sys.exit(main())
