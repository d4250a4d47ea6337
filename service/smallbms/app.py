"""The wiring: configuration, store, links, engine, outputs and publishers in one process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from smallbms import __version__, openssl, wiring
from smallbms.config import Config
from smallbms.core import engine, saving
from smallbms.core.state import EngineState, Snapshot
from smallbms.errors import BmsError, ConfigError
from smallbms.loop import Loop
from smallbms.memory import DEVICE, ENGINE, SETTINGS, Memory, machine_seed, new_serial, portal_id
from smallbms.model import BatteryReading, DeviceIdentity
from smallbms.outputs.own import OwnOutputs
from smallbms.places import BUS_FILE, SERVICE_PREFIX
from smallbms.publish.dbus import DbusPublisher
from smallbms.settings import from_json
from smallbms.store import Store
from smallbms.watchdog import DIRECTORY, WatchdogFile

if TYPE_CHECKING:
    from smallbms.inputs.gx_relays import GxRelays
    from smallbms.publish.mqtt import MqttPublisher

OUTPUTS_SOCKET = "outputs.sock"
YOUNG_OBJECTS = 10_000  # before garbage is looked for: hardly any of ours is in cycles, and 700 are made in two polls
LOCK_FILE = "main.lock"

_log = logging.getLogger(__name__)


class Driven(Protocol):
    """Simulated batteries, and the world that obeys what is decided for them."""

    def readings(self, now_s: float) -> Mapping[int, BatteryReading]: ...

    def obey(self, *, atc: bool, atd: bool, cvl_v: float, ccl_a: float, dcl_a: float) -> None: ...


@dataclass(kw_only=True)
class Options:
    """Where to run, and with what instead of wires; `stop` ends it in good order.

    `runtime` holds sockets and locks; the other commands find the bus by the note in `noted`, if not in there.
    """

    state: Path
    runtime: Path
    noted: Path | None = None
    own_outputs: bool = False
    outlive_us: bool = True  # the own outputs process: it stays a while, as an update may come
    drive: Driven | None = None
    on_snapshot: Callable[[Snapshot], None] = lambda snapshot: None
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class _Stop(Exception):
    """Ends the task group in good order."""


async def serve(config: Config, options: Options) -> int:
    """Run until `options.stop`; the exit status. Any exception ends here, and the outputs go safe with us."""
    try:
        with _only_one(options.runtime):
            await _serve(config, options)
    except BaseExceptionGroup as group:
        errors, rest = group.split(BmsError)
        for error in _leaves(errors):
            _log.error("%s", error)
        if rest is not None:
            _log.error("stopped by an internal error, the outputs are safe; please report this", exc_info=rest)
        return 1
    except BmsError as error:
        _log.error("%s", error)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


async def _serve(config: Config, options: Options) -> None:
    socket_path = str(options.runtime / OUTPUTS_SOCKET)
    own = OwnOutputs(socket_path) if options.own_outputs else None
    if own is not None:
        await own.start()
    store = Store(Path(config.store.directory) if config.store.directory else options.state)
    try:
        await _run(config, options, store, socket_path, own)
    finally:
        if not await store.close():
            _log.warning("not all could be kept: %s", store.error)
        if own is not None and not options.outlive_us:
            own.stop()


async def _run(config: Config, options: Options, store: Store, socket_path: str, own: OwnOutputs | None) -> None:
    settings = await _load(store, SETTINGS)
    inputs = wiring.inputs(config)
    loop = await _assemble(config, store, Memory(store), settings, socket_path, inputs)
    relays = await _relays(config, loop)
    simulation = options.drive.readings if options.drive else None
    links = wiring.links(config, loop.on_reading, simulation, loop.identity.serial)
    loop.attach(links)
    kept_alive = DIRECTORY / config.service.name
    watchdog = WatchdogFile(kept_alive, lambda: loop.stepped_at_s) if config.service.watchdog_file else None
    name = SERVICE_PREFIX + loop.identity.serial
    publisher = DbusPublisher(config.dbus, name=name, door=loop.door, settings_kept=settings is not None)
    loop.advice = publisher.advice
    brokers = await _brokers(config, store, loop)
    loop.publish = _everyone((publisher.publish, *_to_brokers(brokers, store)), options)
    with _noted((options.noted or options.runtime) / BUS_FILE, f"{config.dbus.bus}\n{name}\n"):
        gc.collect()
        gc.freeze()  # what is here now stays: a full collection would stall the loop for milliseconds
        gc.set_threshold(YOUNG_OBJECTS, 1, 1)  # nothing grows old here: what a lost connection leaves is soon gone
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (_first_failure(), store.run(), loop.outputs.run(), loop.run(), publisher.run()):
                    tasks.create_task(work)
                for link in links:
                    tasks.create_task(link.run())
                for broker in brokers:
                    tasks.create_task(broker.run())
                if own is not None:
                    tasks.create_task(own.run())
                for input_ in inputs.work:
                    tasks.create_task(input_.run())
                if relays is not None:
                    tasks.create_task(relays.run())
                if watchdog is not None:
                    tasks.create_task(watchdog.run())
                await options.stop.wait()
                raise _Stop
        except* _Stop:
            _log.info("stopping: the outputs float")
            if watchdog is not None:
                watchdog.remove()
        finally:
            loop.keep_all()


async def _relays(config: Config, loop: Loop) -> GxRelays | None:
    """Who looks whether the relays of a GX that are outputs are ours; ConfigError if one is not."""
    numbers = config.relays()
    if not numbers:
        return None
    from smallbms.inputs.gx_relays import GxRelays

    relays = GxRelays(config.dbus.bus, numbers, loop.wake)
    await relays.start()
    loop.foreign_outputs = lambda: relays.faults
    return relays


async def _brokers(config: Config, store: Store, loop: Loop) -> tuple[MqttPublisher, ...]:
    """The publishers of the MQTT brokers; they are woken by each event in the log."""
    if not config.brokers:
        return ()
    if any(table.tls for table in config.brokers):
        openssl.bring_back()
    else:
        openssl.stand_in()
    from smallbms.publish.mqtt import Kind, publisher, slot_of  # dear for those who have no broker

    newest = {Kind.EVENT: await store.newest_event(), Kind.MINUTE: await store.newest_minute()}
    brokers = [
        publisher(
            table,
            serial=loop.identity.serial,
            portal_id=portal_id(),
            door=loop.door,
            store=store,
            kept=await _load(store, slot_of(table)),
            newest=newest,
        )
        for table in config.brokers
    ]

    def wake() -> None:
        for broker in brokers:
            broker.wake()

    store.on_logged = wake
    return tuple(brokers)


def _to_brokers(brokers: Sequence[MqttPublisher], store: Store) -> Iterator[Callable[[Snapshot], None]]:
    """Who tells them, and who keeps what they miss."""
    if brokers:
        from smallbms.publish.mqtt import Minutes

        yield Minutes(brokers, store).publish
    for broker in brokers:
        yield broker.publish


@contextlib.contextmanager
def _noted(path: Path, text: str) -> Iterator[None]:
    """Where the other commands find the bus; without this note the batteries are guarded all the same."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        _log.warning("the other commands need --bus: %s", error)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


async def _first_failure() -> None:
    """Raise what a callback of the loop raised, so that it ends the process like the exception of a task does."""
    loop = asyncio.get_running_loop()
    failed: asyncio.Future[None] = loop.create_future()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException) and ("handle" in context or "protocol" in context) and not failed.done():
            failed.set_exception(error)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
    await failed


async def _assemble(
    config: Config,
    store: Store,
    memory: Memory,
    kept: Mapping[str, Any] | None,
    socket_path: str,
    inputs: wiring.Inputs,
) -> Loop:
    """Make the loop of what was kept."""
    state, readable = await _restored(store)
    settings, notices = from_json(kept or {})
    for notice in notices:
        _log.warning("%s", notice)
    return Loop(
        spec=config.bank_spec(),
        state=state,
        settings=settings,
        identity=await _identity(config, store, memory),
        store=store,
        memory=memory,
        outputs_path=socket_path,
        pins=config.pins(),
        readable_before=readable,
        vbat_v=inputs.vbat_v,
        shunt=inputs.shunt,
    )


async def _restored(store: Store) -> tuple[EngineState, frozenset[int]]:
    now_s = time.monotonic()
    data = await _load(store, ENGINE)
    if data is None:
        return engine.begin(now_s), frozenset()
    state, notices = saving.restored(data, now_s, time.time())
    for notice in notices:
        _log.warning("%s", notice)
    return state, saving.readable(data)


async def _identity(config: Config, store: Store, memory: Memory) -> DeviceIdentity:
    """Who this is; the serial is made once, then kept."""
    device = await _load(store, DEVICE)
    serial = device.get("serial") if device else None
    if not isinstance(serial, str):
        serial = new_serial(config.service.name, machine_seed() or os.urandom(16).hex())
        memory.keep_device({"serial": serial})
    return DeviceIdentity(
        serial=serial,
        version=__version__,
        product_id=config.service.product_id,
        instance=config.service.instance,
        connection=", ".join(dict.fromkeys(battery.where for battery in config.batteries)),
    )


async def _load(store: Store, name: str) -> Mapping[str, Any] | None:
    result = await store.load(name)
    for notice in result.notices:
        _log.warning("%s", notice)
    return result.data


def _everyone(publish: Iterable[Callable[[Snapshot], None]], options: Options) -> Callable[[Snapshot], None]:
    def tell(snapshot: Snapshot) -> None:
        if options.drive is not None:
            decision, pins = snapshot.decision, snapshot.outputs
            options.drive.obey(
                atc=bool(pins.atc), atd=bool(pins.atd),
                cvl_v=decision.cvl_v, ccl_a=decision.ccl_a, dcl_a=decision.dcl_a,
            )  # fmt: skip
        for show in publish:
            show(snapshot)
        options.on_snapshot(snapshot)

    return tell


@contextlib.contextmanager
def _only_one(runtime: Path) -> Iterator[None]:
    """One main process a runtime directory, made if missing; ConfigError where another runs, or none can."""
    try:
        runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (runtime / LOCK_FILE).open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"{runtime} cannot be used for sockets and locks: {error.strerror}") from error
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigError(f"smallbms runs already (process {lock.read().strip() or 'unknown'})") from None
        with contextlib.suppress(OSError):  # a full disk: the number is only told to whoever is refused
            os.truncate(lock.fileno(), 0)
            os.write(lock.fileno(), str(os.getpid()).encode())
        yield


def _leaves(group: BaseExceptionGroup[BmsError] | None) -> Iterator[BmsError]:
    for error in group.exceptions if group else ():
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
