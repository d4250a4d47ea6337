"""`smallbms selftest`: could this version run here? It changes nothing; an update asks it first."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import smallbms
import velib_python
from smallbms import openssl
from smallbms.commands.check import known_drivers, refuse_slow_lines
from smallbms.config import Config, load
from smallbms.core import engine, saving
from smallbms.core.interlock import interlock
from smallbms.core.state import EngineState, Inputs
from smallbms.memory import ENGINE, SETTINGS
from smallbms.model import Measurement, Thresholds
from smallbms.outputs import pinout
from smallbms.outputs.protocol import PROTOCOL
from smallbms.readback import read_back
from smallbms.settings import Settings, from_json
from smallbms.store import Store


async def selftest(arguments: Namespace) -> int:
    """Print what this version is, as JSON, if it can run; whatever it cannot do is raised."""
    modules = list(_import_all())
    config = load(Path(arguments.config), known_drivers()) if arguments.config else None
    with tempfile.TemporaryDirectory(prefix="smallbms-selftest-") as copy:
        if arguments.state and Path(arguments.state).is_dir():
            shutil.copytree(arguments.state, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.toml"))
        state, settings = await _restored(Path(copy))
    if config is not None:
        refuse_slow_lines(config)
        pinout.parse(config.pins())
        _decide(config, state, settings)
    print(json.dumps({"version": smallbms.__version__, "protocol": PROTOCOL, "modules": len(modules)}))
    return 0


def _import_all() -> Iterator[str]:
    """Every module of ours; what only some installations have is imported by none of them at its head."""
    openssl.bring_back()
    for package in (smallbms, velib_python):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                yield importlib.import_module(module.name).__name__


async def _restored(directory: Path) -> tuple[EngineState, Settings]:
    """What was kept, from a copy: reading it sets broken files aside."""
    now_s = time.monotonic()
    store = Store(directory)
    kept, settings = (await store.load(ENGINE)).data, (await store.load(SETTINGS)).data
    state = saving.restored(kept, now_s, time.time())[0] if kept else engine.begin(now_s)
    return state, from_json(settings or {})[0]


def _decide(config: Config, state: EngineState, settings: Settings) -> None:
    """One step without a battery: it has to end with both off."""
    now_s, spec, measurement = time.monotonic(), config.bank_spec(), Measurement()
    inputs = Inputs(
        measurement=measurement, settings=settings, spec=spec, outputs=read_back(None, None), wall_s=time.time()
    )
    _, decision = engine.step(state, inputs, now_s)
    outputs, _ = interlock(decision, measurement, Thresholds(), spec, now_s)
    if outputs.atc or outputs.atd:
        raise AssertionError(f"allowed without a battery: {outputs}")
