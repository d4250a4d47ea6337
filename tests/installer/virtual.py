"""A device whose time is a number: the real rules of the outputs process, versions that come up or do not."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from pathlib import Path

from smallbms.errors import InstallError, OutputError
from smallbms.installer import disk
from smallbms.installer.journal import Journal
from smallbms.installer.layout import MAIN, OUTPUTS, Layout, venus
from smallbms.installer.update import Machine, target
from smallbms.outputs.guard import Limits
from smallbms.outputs.keeper import Keeper
from smallbms.outputs.protocol import (
    PROTOCOL,
    Arm,
    Command,
    GetState,
    Heartbeat,
    Hello,
    Order,
    Role,
    UpdateBegin,
    UpdateFailed,
    UpdateHealthy,
)
from smallbms.outputs.state import State

OLD, NEW, OLDER = "1.0.0", "2.0.0", "0.9.0"
BOOT = "boot 1"
START_S = 3.0  # of a main process, until it is healthy


class VirtualDevice:
    """Versions in `good` become healthy; `restarted` says which process was restarted with which version."""

    def __init__(self, folder: Path, good: Collection[str], layout: Layout | None = None) -> None:
        self.layout = layout or venus(folder / "root")
        self.now_s = 1000.0
        self.good = set(good)
        self.restarted: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.shown: list[tuple[float, bool, bool]] = []  # when, ATC, ATD
        self.broken_supervisor = False
        self.outputs_down = False
        self._saved = folder / "outputs.saved"
        self._pins = {"outputs": {"kind": "simulated", "state_file": str(folder / "pins.json")}, "remote": None}
        self._clients = count(1)
        self._sequence = count(1)
        self._main: int | None = None
        self._version = OLD
        self._healthy_at_s = 0.0
        self.layout.runtime.mkdir(parents=True)
        for version in (OLDER, OLD, NEW):
            self.layout.version(version).mkdir(parents=True)
        disk.point(self.layout.current, target(OLD))
        disk.point(self.layout.previous, target(OLDER))
        self.machine = Machine(
            layout=self.layout, services=self, outputs=self, say=self.said.append,
            clock=lambda: self.now_s, sleep=self.sleep,
        )  # fmt: skip
        self._keeper = self._new_keeper()
        self._take_control()
        self.sleep(START_S)

    # --- time ------------------------------------------------------------------------------------------------------

    def sleep(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(self.now_s + 0.25, end_s)
            self._keeper.tick(self.now_s)
            self._beat()
            applied = self._keeper.state(self.now_s).applied
            self.shown.append((self.now_s, applied.atc, applied.atd))

    def _beat(self) -> None:
        if self._main is None:
            return
        starting = self.now_s < self._healthy_at_s or self._version not in self.good
        wanted = Command() if starting else Command(atc=True, atd=True)
        self._obey(Heartbeat(next(self._sequence), self.now_s, wanted, starting=starting))
        if not starting and self._keeper.state(self.now_s).update.phase == "running":
            self._say_healthy()

    def _say_healthy(self) -> None:
        """The one that is to be replaced is not listened to."""
        try:
            self._obey(UpdateHealthy(self._version))
        except OutputError:
            return

    # --- processes -------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        raise AssertionError(f"an update restarts {name}, and neither starts nor stops it")

    def stop(self, name: str) -> None:
        raise AssertionError(f"an update restarts {name}, and neither starts nor stops it")

    def restart(self, name: str) -> None:
        if self.broken_supervisor:
            raise InstallError("svc failed")
        version = self.layout.linked_version(self.layout.current) or ""
        self.restarted.append((name, version))
        if name == OUTPUTS:
            self._keeper.close(self.now_s)
            self._keeper, self.outputs_down = self._new_keeper(), False
        if self._main is not None:
            self._keeper.gone(self._main, self.now_s)
            self._main = None
        if name == MAIN:
            self._version = version
            self._take_control()

    def is_up(self, name: str) -> bool:
        return name == MAIN and self._main is not None

    def _take_control(self) -> None:
        """A bad version never gets so far."""
        if self._version in self.good:
            self._main = next(self._clients)
            self._obey(Hello(PROTOCOL, Role.CONTROL, self._pins))
            self._obey(Arm(self.now_s))
            self._healthy_at_s = self.now_s + START_S

    def _new_keeper(self) -> Keeper:
        return Keeper(str(self._saved), Limits(), self.now_s)

    # --- the outputs process ---------------------------------------------------------------------------------------

    def state(self) -> State:
        return self._ask(0, GetState())

    def protocol(self) -> int:
        return self.state().protocol

    def begin(self, version: str) -> State:
        return self._visit(UpdateBegin(version))

    def failed(self, version: str) -> State:
        return self._visit(UpdateFailed(version))

    def _visit(self, order: Order) -> State:
        visitor = next(self._clients)
        self._ask(visitor, Hello(PROTOCOL, Role.INSTALLER))
        state = self._ask(visitor, order)
        self._keeper.gone(visitor, self.now_s)
        return state

    def _obey(self, request: Hello | Order) -> None:
        assert self._main is not None
        self._keeper.obey(self._main, request, self.now_s)

    def _ask(self, client: int, request: Hello | Order | GetState) -> State:
        if self.outputs_down:
            raise OutputError("nobody there")
        return self._keeper.obey(client, request, self.now_s)

    # --- looking ---------------------------------------------------------------------------------------------------

    def links(self) -> tuple[str | None, str | None]:
        return self.layout.linked_version(self.layout.current), self.layout.linked_version(self.layout.previous)

    def when(self, condition: Callable[[bool, bool], bool]) -> list[float]:
        """The moments at which ATC and ATD were so."""
        return [at_s for at_s, atc, atd in self.shown if condition(atc, atd)]


def begun(*, watched: bool = True, outputs: bool = False) -> Journal:
    """An update of such a device."""
    return Journal(older=OLD, newer=NEW, before=OLDER, boot=BOOT, watched=watched, outputs=outputs, healthy_s=30.0)
