"""Install, repair and uninstall, in a root of files with stand-ins for daemontools; gx/ does it with the real ones."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer import boot, configuration, disk, ports, venus
from smallbms.installer import layout as places
from smallbms.installer.archive import put_in_place
from smallbms.installer.console import Console
from smallbms.installer.layout import MAIN, OUTPUTS, SUPERVISED, Layout

from .daemontools import FakeDaemontools, supervise
from .project import make_tree

pytestmark = pytest.mark.usefixtures("as_root")

CONFIG = '[[battery]]\ndriver = "jbd"\nport = "/dev/ttyUSB0"\n'


@pytest.fixture
def layout(tmp_path: Path, daemontools: FakeDaemontools) -> Layout:
    """A GX as it leaves the factory."""
    layout = places.venus(tmp_path / "root")
    for name in ("data/conf", "data/log", "service", "run", "var"):
        (layout.root / name).mkdir(parents=True)
    (layout.root / "var/log").symlink_to("../data/log")
    daemontools.program("udevadm", "#!/bin/sh\n")
    return layout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "source")


def console(answers: str | None = None) -> Console:
    return Console(yes=answers is None, out=io.StringIO(), answers=io.StringIO(answers or ""))


def said(where: Console) -> str:
    assert isinstance(where.out, io.StringIO)
    return where.out.getvalue()


def svscan(layout: Layout) -> None:
    """What svscan does with what is linked."""
    for name in SUPERVISED:
        supervise(layout.wrappers / name)


def everything(root: Path) -> Mapping[str, object]:
    """Every file, link and directory with content and mode, but for what supervise keeps."""
    return dict(_everything(root))


def _everything(root: Path) -> Iterator[tuple[str, object]]:
    for path in sorted(path for path in root.rglob("*") if "supervise" not in path.parts):
        kind = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else "directory"
        yield str(path.relative_to(root)), (kind, path.lstat().st_mode)


def test_it_is_installed_below_data_and_linked_in_service(layout: Layout, source: Path) -> None:
    assert venus.install(layout, console(), source)
    assert layout.linked_version(layout.current) == "1.2.3"
    assert os.readlink(layout.current) == "versions/1.2.3"
    for name in SUPERVISED:
        link = layout.services / name
        assert link.resolve() == layout.wrappers / name
        assert os.access(link / "run", os.X_OK)
        assert os.access(link / "log/run", os.X_OK)
    assert (layout.home / "smallbms").resolve() == layout.version("1.2.3") / "service/venus/smallbms"
    assert "current/install.sh boot" in (layout.root / "data/rc.local").read_text()
    touched = {path.relative_to(layout.root).parts[0] for path in layout.root.rglob("*") if path.is_file()}
    assert touched == {"data"}


def test_without_a_configuration_an_example_is_put_there_and_said(layout: Layout, source: Path) -> None:
    where = console()
    venus.install(layout, where, source)
    assert not configuration.is_filled_in(layout.configuration)
    assert f"{layout.configuration} is an example" in said(where)


def test_a_given_configuration_is_taken_once_and_checked(layout: Layout, source: Path, tmp_path: Path) -> None:
    given = tmp_path / "mine.toml"
    given.write_text(CONFIG)
    where = console()
    venus.install(layout, where, source, given)
    assert layout.configuration.read_text() == CONFIG
    assert layout.configuration.stat().st_mode & 0o777 == 0o600  # the password of a broker may be in it
    assert f"check --config {layout.configuration}" in said(where)  # what the version's program was asked
    given.write_text("# other\n[bank]\n")
    where = console()
    venus.install(layout, where, source, given)
    assert layout.configuration.read_text() == CONFIG
    assert "is not used" in said(where)


def test_an_example_that_nobody_filled_in_gives_way(layout: Layout, source: Path, tmp_path: Path) -> None:
    venus.install(layout, console(), source)
    (tmp_path / "mine.toml").write_text(CONFIG)
    venus.install(layout, console(), source, tmp_path / "mine.toml")
    assert layout.configuration.read_text() == CONFIG


def test_a_given_configuration_that_is_not_there_is_told(layout: Layout, source: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"mine\.toml is not there"):
        venus.install(layout, console(), source, tmp_path / "mine.toml")


def test_a_no_changes_nothing(layout: Layout, source: Path) -> None:
    before = everything(layout.root)
    where = console("n\n")
    assert not venus.install(layout, where, source)
    assert everything(layout.root) == before
    assert "rc.local" in said(where)


def test_a_second_time_nothing_changes_and_nothing_is_restarted(
    layout: Layout, source: Path, daemontools: FakeDaemontools
) -> None:
    venus.install(layout, console(), source)
    svscan(layout)
    before = everything(layout.root)
    venus.install(layout, console(), source)
    assert everything(layout.root) == before
    assert not [call for call in daemontools.calls if call.startswith("svc")]


def test_a_second_time_repairs_what_is_broken_and_restarts_it(
    layout: Layout, source: Path, daemontools: FakeDaemontools
) -> None:
    venus.install(layout, console(), source)
    svscan(layout)
    before = everything(layout.root)
    (layout.version("1.2.3") / "install.sh").write_text("broken")
    (layout.wrappers / MAIN / "run").unlink()
    (layout.root / "data/rc.local").unlink()
    (layout.services / OUTPUTS).unlink()
    venus.install(layout, console(), source)
    assert everything(layout.root) == before
    assert f"svc -t {layout.services / MAIN}" in daemontools.calls


def test_where_what_supervise_runs_was_removed_it_asks_for_a_reboot(
    layout: Layout, source: Path, daemontools: FakeDaemontools
) -> None:
    for removed in (False, True):
        out = io.StringIO()
        assert venus.install(layout, Console(yes=True, out=out), source)
        assert ("REBOOT THE GX" in out.getvalue()) is removed
        shutil.rmtree(layout.wrappers)


def test_over_another_version_it_says_how(layout: Layout, source: Path, tmp_path: Path) -> None:
    venus.install(layout, console(), source)
    before = everything(layout.root)
    with pytest.raises(InstallError, match=r"1\.2\.3 is installed: `install\.sh upgrade FILE`"):
        venus.install(layout, console(), make_tree(tmp_path / "other", "1.3.0"))
    assert everything(layout.root) == before


def test_interrupted_anywhere_a_second_try_completes_it(
    layout: Layout, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = places.venus(tmp_path / "whole")
    shutil.copytree(layout.root, whole.root, symlinks=True)
    venus.install(whole, console(), source)
    wanted = {name for name in everything(whole.root) if "__pycache__" not in name}

    class PowerCutError(Exception):
        pass

    def cut() -> None:
        raise PowerCutError

    for number in range(6):
        steps = venus._install_steps(layout, console(), source, None)
        assert len(steps) == 6
        broken = (*steps[:number], venus.Step(says="cut", do=cut))
        with monkeypatch.context() as patch:
            patch.setattr(venus, "_install_steps", lambda *arguments, broken=broken: broken)
            with pytest.raises(PowerCutError):
                venus.install(layout, console(), source)
        venus.install(layout, console(), source)
        assert {name for name in everything(layout.root) if "__pycache__" not in name} == wanted
        shutil.rmtree(layout.home)


@pytest.mark.parametrize("rc_local", [None, b"#!/bin/bash\necho other\n"])
def test_uninstalled_with_purge_nothing_is_left(
    layout: Layout, source: Path, daemontools: FakeDaemontools, rc_local: bytes | None
) -> None:
    if rc_local is not None:
        (layout.root / "data/rc.local").write_bytes(rc_local)
    before = everything(layout.root)
    venus.install(layout, console(), source)
    svscan(layout)
    live_a_while(layout)
    assert venus.uninstall(layout, console(), purge=True)
    left = {name: what for name, what in everything(layout.root).items() if not name.startswith("run")}
    assert left == {name: what for name, what in before.items() if not name.startswith("run")}
    assert not (layout.root / ports.RULES).exists()
    assert not layout.runtime.exists()


def live_a_while(layout: Layout) -> None:
    """Leave what running leaves."""
    layout.configuration.write_text(CONFIG)
    ports.take(layout)
    (layout.state / "engine.a.json").touch()
    layout.runtime.mkdir()
    layout.outputs_socket.touch()
    (layout.root / "run/watchdog").mkdir()
    (layout.root / "run/watchdog" / MAIN).touch()
    (layout.root / "run/dbus-smallbms-ng-boot.log").touch()
    for name in SUPERVISED:
        (layout.root / "var/log" / name).mkdir()
    disk.point(layout.previous, "versions/1.2.2")


def test_the_outputs_process_is_the_last_to_stop_and_before_any_file_goes(
    layout: Layout, source: Path, daemontools: FakeDaemontools
) -> None:
    venus.install(layout, console(), source)
    svscan(layout)
    daemontools.program(
        "svc", f'#!/bin/sh\nls {layout.version("1.2.3")} >/dev/null && echo "svc $*" >>"$FAKE/calls"\n'
        'flags=$1\nshift\nfor d; do [ $flags = -dx ] && rm -r "$d/supervise" || echo down >"$d/supervise/fake"; done\n',
    )  # fmt: skip
    venus.uninstall(layout, console(), purge=False)
    stopped = [call for call in daemontools.calls if call.startswith("svc -d ")]
    assert stopped == [f"svc -d {layout.services / name}" for name in (MAIN, OUTPUTS)]


def test_without_purge_configuration_and_state_stay_and_are_named(layout: Layout, source: Path) -> None:
    venus.install(layout, console(), source)
    layout.configuration.write_text(CONFIG)
    where = console()
    venus.uninstall(layout, where, purge=False)
    assert layout.configuration.read_text() == CONFIG
    assert f"kept in {layout.state}" in said(where)
    assert not layout.home.parent.exists()


def test_what_an_uninstall_has_kept_can_be_purged_afterwards(
    layout: Layout, source: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    venus.install(layout, console(), source)
    venus.uninstall(layout, console(), purge=False)
    monkeypatch.setattr(venus, "HERE", source)  # what it is run from then
    assert venus.uninstall(layout, console(), purge=True)
    assert not layout.state.exists()
    assert f"forget-settings --state {layout.state}\n" in capfd.readouterr().out


def test_what_others_have_beside_it_stays(layout: Layout, source: Path) -> None:
    (layout.root / "data/apps/other").mkdir(parents=True)
    venus.install(layout, console(), source)
    venus.uninstall(layout, console(), purge=True)
    assert (layout.root / "data/apps/other").is_dir()


def test_what_is_not_installed_cannot_be_uninstalled(layout: Layout) -> None:
    with pytest.raises(InstallError, match="it is not installed"):
        venus.uninstall(layout, console(), purge=False)


def test_while_an_update_is_under_way_nothing_else_is_done(layout: Layout, source: Path) -> None:
    venus.install(layout, console(), source)
    layout.journal.write_text("{}")
    before = everything(layout.root)
    with pytest.raises(InstallError, match="an update is under way"):
        venus.install(layout, console(), source)
    with pytest.raises(InstallError, match="an update is under way"):
        venus.uninstall(layout, console(), purge=True)
    assert everything(layout.root) == before


def test_a_half_removed_one_can_be_removed_again(layout: Layout, source: Path) -> None:
    venus.install(layout, console(), source)
    for name in SUPERVISED:
        (layout.services / name).unlink()
    shutil.rmtree(layout.versions)
    assert venus.uninstall(layout, console(), purge=True)
    assert not layout.home.exists()


def test_boot_makes_anew_what_is_forgotten_and_mends_the_wrappers(layout: Layout, source: Path) -> None:
    venus.install(layout, console(), source)
    before = everything(layout.root)
    for name in SUPERVISED:
        (layout.services / name).unlink()
    (layout.wrappers / MAIN / "run").write_text("of an older version")
    assert boot.main([str(layout.root)]) == 0
    assert everything(layout.root) == before


def test_a_version_put_in_place_is_not_yet_the_current_one(layout: Layout, source: Path) -> None:
    put_in_place(source, layout)
    assert layout.linked_version(layout.current) is None
