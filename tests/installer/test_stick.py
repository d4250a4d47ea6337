"""What a stick brings at boot; the upgrade itself is proven elsewhere."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smallbms.errors import OutputError
from smallbms.installer import disk, stick
from smallbms.installer.console import Console
from smallbms.installer.layout import Layout, venus
from smallbms.installer.update import Machine

from .daemontools import FakeDaemontools
from .project import make_tree

pytestmark = pytest.mark.usefixtures("as_root")


class Outputs:
    """An outputs process that is armed when it has been asked often enough."""

    def __init__(self, asked_in_vain: int) -> None:
        self.left = asked_in_vain

    def state(self) -> Any:
        self.left -= 1
        if self.left >= 1:
            raise OutputError("not there yet")
        return SimpleNamespace(armed=self.left < 0)


@pytest.fixture
def layout(tmp_path: Path, daemontools: FakeDaemontools) -> Layout:
    layout = venus(tmp_path / "root")
    layout.services.mkdir(parents=True)
    return layout


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The archives that were upgraded from."""
    archives: list[Path] = []

    def upgrade(machine: Machine, console: Console, archive: Path, *more: object) -> bool:
        archives.append(archive)
        return True

    monkeypatch.setattr(stick, "upgrade", upgrade)
    return archives


def arrive(
    layout: Layout, source: Path, outputs: Outputs | None = None, *, archive: Path = Path("x.tar.gz"), good: bool = True
) -> tuple[str, float]:
    """What it said, and how long it waited; `good`: whether it ended well."""
    out, now_s = io.StringIO(), [0.0]

    def sleep(seconds: float) -> None:
        now_s[0] += seconds

    machine: Any = SimpleNamespace(
        layout=layout, outputs=outputs or Outputs(0), times=SimpleNamespace(poll_s=1.0),
        clock=lambda: now_s[0], sleep=sleep,
    )  # fmt: skip
    assert stick.arrive(machine, Console(yes=True, out=out), source, archive, None) is good
    return out.getvalue(), now_s[0]


def install(layout: Layout, tmp_path: Path, version: str) -> None:
    arrive(layout, make_tree(tmp_path / version, version))
    assert layout.linked_version(layout.current) == version


def test_where_nothing_is_it_installs_and_the_same_again_repairs(
    layout: Layout, tmp_path: Path, upgraded: list[Path]
) -> None:
    install(layout, tmp_path, "1.2.3")
    (layout.version("1.2.3") / "README.md").unlink()
    said, _ = arrive(layout, tmp_path / "1.2.3")
    assert "Installed." in said
    assert (layout.version("1.2.3") / "README.md").exists()
    assert upgraded == []


def test_an_older_one_is_upgraded_once_it_is_in_control(layout: Layout, tmp_path: Path, upgraded: list[Path]) -> None:
    install(layout, tmp_path, "1.2.3")
    newer = make_tree(tmp_path / "1.10.0", "1.10.0")
    _, waited_s = arrive(layout, newer, Outputs(asked_in_vain=5))
    assert upgraded == [Path("x.tar.gz")]
    assert waited_s == 5


def test_one_that_is_never_in_control_is_upgraded_all_the_same(
    layout: Layout, tmp_path: Path, upgraded: list[Path]
) -> None:
    install(layout, tmp_path, "1.2.3")
    _, waited_s = arrive(layout, make_tree(tmp_path / "1.3.0", "1.3.0"), Outputs(asked_in_vain=10_000))
    assert upgraded == [Path("x.tar.gz")]
    assert waited_s == stick.BOOTED_S


@pytest.mark.parametrize("brought", ["1.2.2", "1.3.0"])
def test_an_older_one_or_one_that_was_rolled_back_is_left_on_the_stick(
    layout: Layout, tmp_path: Path, upgraded: list[Path], brought: str
) -> None:
    install(layout, tmp_path, "1.2.3")
    layout.version("1.3.0").mkdir()
    disk.point(layout.previous, "versions/1.3.0")
    said, _ = arrive(layout, make_tree(tmp_path / brought, brought))
    assert "1.2.3 is installed and stays" in said
    assert upgraded == []


def test_one_that_was_not_healthy_is_tried_once_and_another_again(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(layout, tmp_path, "1.2.3")
    tried: list[bytes] = []

    def came_back(machine: Machine, console: Console, archive: Path, *more: object) -> bool:
        tried.append(archive.read_bytes())
        return False

    monkeypatch.setattr(stick, "upgrade", came_back)
    bad, archive = make_tree(tmp_path / "1.3.0", "1.3.0"), tmp_path / "archive"
    archive.write_bytes(b"bad")
    arrive(layout, bad, archive=archive, good=False)
    said, waited_s = arrive(layout, bad, archive=archive)
    assert tried == [b"bad"] and waited_s == 0
    assert said == "1.2.3 stays: 1.3.0 on the stick was not healthy here. Take the stick out, or put another.\n"
    archive.write_bytes(b"mended")
    arrive(layout, bad, archive=archive, good=False)
    assert tried == [b"bad", b"mended"]
