"""Power cuts between any two writes: the life of a main process is recorded, then every moment of it is the last."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from integration.harness import MODEL, Pack
from smallbms.batteries import model_named
from smallbms.core.state import EngineState
from smallbms.memory import ENGINE, SETTINGS
from smallbms.model import BankSpec, Measurement, Member
from smallbms.scenario.main_process import MainProcess, Shelf
from smallbms.scenario.outputs_process import OutputsProcess
from smallbms.settings import Settings
from smallbms.store import Files, SlotFile
from store.crash_disk import RecordingFiles, images, lay_out

NAME = "power cut after each call of the disk"
STEP_S = 0.5
WALL_S = 1_800_000_000.0
WRITE_PCT = 0.5  # the state of charge is kept this often …
WRITE_S = 60.0  # … or this
BEGIN_PCT = 16.0
DAY = ((-100.0, 240), (0.0, 180), (100.0, 120), (201.0, 10), (0.0, 150), (-205.0, 10), (0.0, 90))  # A, s
WISHES = (("tail_current_pct", (2.0, 8.0)), ("pre_alarm_cell_v", (2.9, 3.1)))
WISH_EVERY_S = 45.0
MOST_IMAGES = 5000  # of one moment: names there or not, content torn at any byte


class Moment(NamedTuple):
    """What was true after a step, and how many calls the disk had seen by then."""

    calls: int
    at_s: float
    soc_pct: float
    tripped: frozenset[tuple[str, int]]
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A main process from its first step to its last."""

    files: RecordingFiles
    moments: list[Moment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What power cuts took: the most of SoC and time; how many images could not be read, missed a trip that had been
    said, or a setting that had been kept. A file torn by the write that was cut is told and costs nothing."""

    cuts: int = 0
    most_pct: float = 0.0
    most_s: float = 0.0
    unreadable: int = 0
    trips: int = 0
    settings: int = 0

    @property
    def beyond_the_interval(self) -> bool:
        """More was lost than may be between two writes, a step to either side."""
        return self.most_pct > WRITE_PCT + 0.1 or self.most_s > WRITE_S + 2 * STEP_S

    @property
    def too_much(self) -> bool:
        return self.beyond_the_interval or bool(self.unreadable or self.trips or self.settings)


class DiskShelf(Shelf):
    """The store's slots, without its thread."""

    def __init__(self, directory: Path, files: Files) -> None:
        super().__init__()
        self.notices: tuple[str, ...] = ()
        self._slots = {name: SlotFile(directory, name, files) for name in (ENGINE, SETTINGS)}

    def save(self, name: str, data: dict[str, Any], *, urgent: bool = False) -> None:
        self._slots[name].write(data)

    def load(self, name: str) -> dict[str, Any] | None:
        result = self._slots[name].load()
        self.notices += result.notices
        return result.data


def live(directory: Path, random: Random) -> Life:
    """Discharge to the floor, charge, overload in both directions; somebody changes settings all the while."""
    files, pack = RecordingFiles(), Pack(soc_pct=BEGIN_PCT)
    main = _begin(directory, files, now_s=0.0)
    moments: list[Moment] = []
    now_s, wish_at_s = 0.0, WISH_EVERY_S
    for current_a, lasts_s in DAY:
        pack.current_a = current_a
        for _ in range(round(lasts_s / STEP_S)):
            now_s += STEP_S
            if now_s >= wish_at_s:
                name, (lowest, highest) = random.choice(WISHES)
                main.door.apply(name, round(random.uniform(lowest, highest), 2), "test")
                wish_at_s += WISH_EVERY_S
            reading = replace(pack.reading(), taken_at_s=now_s, cells_taken_at_s=now_s)
            main.step(Measurement(readings={1: reading}), now_s, WALL_S + now_s)
            moments.append(_moment(main, len(files.calls), now_s))
    return Life(files=files, moments=moments)


def cut(life: Life, moments: Iterator[int], directory: Path, random: Random) -> Losses:
    """Let the power fail after so many calls of the disk, once for each of `moments`; boot from what is left."""
    losses = Losses()
    for calls in moments:
        possible = list(itertools.islice(images(life.files, calls), MOST_IMAGES))
        lay_out(random.choice(possible), directory)
        losses = _added(losses, life, calls, directory)
    return losses


def every_moment(life: Life) -> Iterator[int]:
    """After each call from the first that a step has ended with."""
    return iter(range(life.moments[0].calls, len(life.files.calls) + 1))


def everywhere(folder: Path, seed: int) -> Losses:
    """A life in `folder`, and a cut at each of its moments."""
    random = Random(seed)
    for name in ("life", "cut"):
        (folder / name).mkdir()
    life = live(folder / "life", random)
    return cut(life, every_moment(life), folder / "cut", random)


def random_moments(life: Life, count: int, random: Random) -> Iterator[int]:
    return (random.randint(life.moments[0].calls, len(life.files.calls)) for _ in range(count))


def row(losses: Losses) -> str:
    """As a row of the table of faults; nobody can say anything without power."""
    lost = [f"≤ {losses.most_pct:.2f} % of SoC", f"≤ {losses.most_s:.0f} s of history"]
    forgotten = {"states": losses.unreadable, "trips": losses.trips, "settings": losses.settings}
    lost += [f"{count} {what}" for what, count in forgotten.items() if count]
    return f"| {NAME} | without power | – | – | {', '.join(lost)} | – |\n"


def _begin(directory: Path, files: Files, *, now_s: float) -> MainProcess:
    return _booted(DiskShelf(directory, files), now_s)


def _booted(shelf: Shelf, now_s: float) -> MainProcess:
    spec = BankSpec(members=(Member(number=1, model=model_named(MODEL)),), series=1)
    return MainProcess(spec, shelf, OutputsProcess(), version="1.0", now_s=now_s, wall_s=WALL_S + now_s)


def _moment(main: MainProcess, calls: int, now_s: float) -> Moment:
    soc_pct = main.state.soc.soc_pct
    assert soc_pct is not None
    return Moment(calls, now_s, soc_pct, _tripped(main.state), main.door.settings)


def _tripped(state: EngineState) -> frozenset[tuple[str, int]]:
    """The trips that a restart may not give back."""
    return frozenset(
        (name, key)
        for name in ("floor", "low_cell", "over_current_charge", "over_current_discharge")
        for key, latch in state.latches.get(name, {}).items()
        if latch.tripped
    )


def _added(losses: Losses, life: Life, calls: int, directory: Path) -> Losses:
    """The last step that had ended by then is what people knew; the one under way may be kept already."""
    last = max(number for number, moment in enumerate(life.moments) if moment.calls <= calls)
    known, next_one = life.moments[last], life.moments[min(last + 1, len(life.moments) - 1)]
    shelf = DiskShelf(directory, Files())
    main = _booted(shelf, now_s=0.0)
    soc_pct, kept = main.state.soc.soc_pct, shelf.load(ENGINE)
    if soc_pct is None or kept is None or main.notices:
        return replace(losses, cuts=losses.cuts + 1, unreadable=losses.unreadable + 1)
    return Losses(
        cuts=losses.cuts + 1,
        most_pct=max(losses.most_pct, abs(known.soc_pct - soc_pct)),
        most_s=max(losses.most_s, WALL_S + known.at_s - kept["wall_s"]),
        unreadable=losses.unreadable,
        trips=losses.trips + (not known.tripped & next_one.tripped <= _tripped(main.state)),
        settings=losses.settings + (main.door.settings not in (known.settings, next_one.settings)),
    )
