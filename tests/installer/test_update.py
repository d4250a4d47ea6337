from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer import disk, guard, journal, units
from smallbms.installer.journal import Journal, Stage
from smallbms.installer.layout import MAIN, OUTPUTS, debian
from smallbms.installer.update import STAGES, carry_on
from smallbms.outputs.update import UpdatePhase

from .debian_programs import DebianPrograms
from .virtual import BOOT, NEW, OLD, OLDER, VirtualDevice, begun

GOOD = [Stage.BEGIN, Stage.SWITCH, Stage.RESTART, Stage.WATCH, Stage.FINISH]
BAD = [*GOOD[:4], Stage.BACK, Stage.RESTART_BACK, Stage.WATCH_BACK]
BOTH = [Stage.BEGIN, Stage.SWITCH, Stage.OUTPUTS, Stage.RESTART, Stage.WATCH]


def carried_on(device: VirtualDevice, update: Journal) -> list[Stage]:
    journal.write(device.layout.journal, update)
    return list(carry_on(device.machine, update))


def test_a_good_update(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    began_s = device.now_s
    assert carried_on(device, begun()) == GOOD
    assert device.links() == (NEW, OLD)
    assert not device.layout.version(OLDER).exists()
    assert not device.layout.journal.exists()
    assert device.restarted == [(MAIN, NEW)]
    device.sleep(1.0)
    assert [at_s for at_s in device.when(lambda atc, atd: not atd) if at_s > began_s] == []
    assert device.when(lambda atc, atd: atc)[-1] == device.now_s
    assert device.state().update.phase is UpdatePhase.NONE


def test_a_bad_one_goes_back_after_30_s(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD})
    began_s = device.now_s
    assert carried_on(device, begun()) == BAD
    assert device.links() == (OLD, OLDER)
    assert device.layout.version(OLDER).exists()
    assert device.restarted == [(MAIN, NEW), (MAIN, OLD)]
    assert 30 < device.now_s - began_s < 40
    assert not [at_s for at_s in device.when(lambda atc, atd: not atd) if at_s > began_s]  # held all the time
    assert device.state().update.phase is UpdatePhase.FAILED
    assert "1.0.0 runs again and is healthy." in device.said


def test_where_neither_comes_up_discharging_ends_120_s_after_the_begin(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD})
    device.good.clear()
    began_s = device.now_s
    assert carried_on(device, begun()) == BAD
    assert "is not healthy yet" in device.said[-1]
    device.sleep(100.0)
    off_s = [at_s for at_s in device.when(lambda atc, atd: not atd) if at_s > began_s]
    assert off_s[0] - began_s == pytest.approx(120.0, abs=0.5)


def test_without_a_main_process_it_is_not_waited_for(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD})
    assert carried_on(device, begun(watched=False)) == [Stage.BEGIN, Stage.SWITCH, Stage.RESTART, Stage.FINISH]
    assert device.links() == (NEW, OLD)
    assert device.state().update.phase is UpdatePhase.NONE


def test_a_new_outputs_process_begins_the_update_anew(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    assert carried_on(device, begun(outputs=True)) == [*BOTH, Stage.FINISH]
    assert device.restarted == [(OUTPUTS, NEW), (MAIN, NEW)]
    assert device.state().update.phase is UpdatePhase.NONE


def test_both_go_back_together(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD})
    way_back = [Stage.BACK, Stage.OUTPUTS_BACK, Stage.RESTART_BACK, Stage.WATCH_BACK]
    assert carried_on(device, begun(outputs=True)) == [*BOTH, *way_back]
    assert device.restarted == [(OUTPUTS, NEW), (MAIN, NEW), (OUTPUTS, OLD), (MAIN, OLD)]
    assert device.links() == (OLD, OLDER)


def test_an_outputs_process_that_does_not_answer_stops_it_before_anything_is_switched(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    device.outputs_down = True
    assert carried_on(device, begun())[:2] == [Stage.BEGIN, Stage.BACK]
    assert device.links() == (OLD, OLDER)
    assert device.said[0] == "nobody there: back to 1.0.0."


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("stage", list(STAGES))
def test_every_stage_may_be_done_twice(stage: Stage, good: bool, tmp_path: Path) -> None:
    """Whoever died could not note that it was done."""
    device = VirtualDevice(tmp_path, {OLD, NEW} if good else {OLD})
    outputs = stage in (Stage.OUTPUTS, Stage.OUTPUTS_BACK)
    update = begun(outputs=outputs)
    journal.write(device.layout.journal, update)
    for done in carry_on(device.machine, update):
        if done is stage:
            break
    else:
        assert stage not in (GOOD if good else BAD), "it was on the way"
        return
    kept = journal.read(device.layout.journal) or update
    list(carry_on(device.machine, replace(kept, stage=stage)))
    assert device.links() == ((NEW, OLD) if good else (OLD, OLDER))
    assert journal.read(device.layout.journal) is None


def test_a_supervisor_that_fails_is_asked_again(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    journal.write(device.layout.journal, begun())
    device.broken_supervisor = True
    assert not guard.watch(device.machine)
    assert device.said.count("svc failed") == guard.TRIES
    assert journal.read(device.layout.journal) is not None
    device.broken_supervisor = False
    assert not guard.watch(device.machine)
    assert device.links() == (OLD, OLDER)
    assert device.restarted == [(MAIN, OLD)]


def test_a_disk_that_has_become_read_only_lets_the_old_version_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    device = VirtualDevice(tmp_path, {OLD, NEW})
    for name in ("write", "point", "remove"):
        monkeypatch.setattr(disk, name, read_only)
    done = list(carry_on(device.machine, begun()))
    assert done == [Stage.BEGIN, Stage.SWITCH, Stage.BACK, Stage.RESTART_BACK, Stage.WATCH_BACK]
    assert device.links() == (OLD, OLDER)
    device.sleep(1.0)
    assert device.when(lambda atc, atd: atc and atd)[-1] == device.now_s
    assert device.state().update.failed


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_reboot_means_that_it_failed_unless_the_new_one_was_healthy(stage: Stage, tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    journal.write(device.layout.journal, replace(begun(), stage=stage))
    device.layout.current.unlink()
    device.layout.current.symlink_to(f"versions/{NEW}")
    with guard.settled(device.machine):
        healthy = stage is Stage.FINISH
        assert device.links()[0] == (NEW if healthy else OLD)
        assert device.layout.journal.exists()  # until the outputs process knows
    assert not device.layout.journal.exists()
    assert device.state().update.failed is not healthy


def test_a_supervisor_settles_what_another_boot_began_and_has_the_rest_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    boot_id = device.layout.root / "proc/sys/kernel/random/boot_id"
    boot_id.parent.mkdir(parents=True)
    boot_id.write_text(f"{BOOT}\n")
    launched: list[str] = []
    monkeypatch.setattr(guard, "launch", lambda layout, version: launched.append(version))
    guard.resume(device.machine)
    assert launched == []  # nothing to do
    journal.write(device.layout.journal, begun())
    guard.resume(device.machine)
    assert launched == [OLD]
    with guard.alone(device.layout):
        guard.resume(device.machine)  # somebody else does it
    assert launched == [OLD]
    boot_id.write_text("another\n")
    guard.resume(device.machine)
    assert launched == [OLD]
    assert journal.read(device.layout.journal) is None
    assert device.state().update.failed


def test_a_journal_that_nobody_can_read_is_put_aside(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    device.layout.journal.write_text('{"older": "1.0.0"}')
    with pytest.raises(InstallError, match="cannot be used"):
        journal.read(device.layout.journal)
    assert guard.watch(device.machine)
    assert device.layout.journal.with_name("update.json.broken").exists()
    assert device.links() == (OLD, OLDER)


def test_a_journal_in_which_another_version_notes_more_is_read(tmp_path: Path) -> None:
    path = tmp_path / "update.json"
    journal.write(path, begun())
    path.write_text(path.read_text().replace("{", '{"of_another_version": 1, ', 1))
    assert journal.read(path) == begun()


def test_one_at_a_time(tmp_path: Path) -> None:
    device = VirtualDevice(tmp_path, {OLD, NEW})
    with (
        guard.alone(device.layout),
        pytest.raises(InstallError, match="running already"),
        guard.alone(device.layout),
    ):
        raise AssertionError("two at once")


def test_under_systemd_a_guard_is_a_unit_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It outlives the session or the unit that starts it."""
    programs = DebianPrograms(tmp_path / "bin")
    monkeypatch.setenv("PATH", programs.path)
    device = VirtualDevice(tmp_path, {OLD, NEW})
    (device.layout.root / "run/systemd/system").mkdir(parents=True)
    guard.launch(device.layout, OLD)
    (call,) = programs.calls
    assert call.startswith("systemd-run --quiet --collect --unit=smallbms-update-")
    version = device.layout.version(OLD)
    assert f"--setenv=PYTHONPATH={version}/service:{version}/ext" in call
    assert call.endswith(f"-m smallbms.installer --root {device.layout.root} watch")


def test_systemd_gets_the_units_of_the_version_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = DebianPrograms(tmp_path / "bin")
    monkeypatch.setenv("PATH", programs.path)
    device = VirtualDevice(tmp_path, {OLD, NEW}, debian(tmp_path / "root"))
    for version in (OLD, NEW):
        for name in units.FILES:
            file = device.layout.version(version) / units.SOURCE / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{name} of {version}\n")
    assert carried_on(device, begun()) == GOOD
    unit = device.layout.services / "dbus-smallbms-ng.service"
    assert unit.read_text() == f"dbus-smallbms-ng.service of {NEW}\n"
    assert "systemctl daemon-reload" in programs.calls
