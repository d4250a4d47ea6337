"""`smallbms forget-settings`: take our settings out of a GX's localsettings, before everything is removed."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from smallbms.errors import LinkError
from smallbms.memory import DEVICE
from smallbms.places import SERVICE_PREFIX
from smallbms.publish.localsettings import setting_paths
from smallbms.store import Store
from velib_python.connection import connect
from velib_python.errors import DbusError
from velib_python.settingsdevice import remove_settings


async def forget_settings(arguments: Namespace) -> int:
    """Remove them under the name that the kept serial gives; LinkError where there is no localsettings."""
    device = (await Store(Path(arguments.state)).load(DEVICE)).data or {}
    if "serial" not in device:
        print("no settings are known: the BMS has not run yet")
        return 0
    paths = setting_paths(f"{SERVICE_PREFIX}{device['serial']}".rpartition(".")[2])
    try:
        connection = await connect(arguments.bus or "system")
        try:
            await remove_settings(connection, list(paths.values()))
        finally:
            await connection.close()
    except (DbusError, ConnectionError, TimeoutError) as error:
        raise LinkError(f"localsettings cannot be asked: {error}") from error
    print(f"{len(paths)} settings removed from localsettings")
    return 0
