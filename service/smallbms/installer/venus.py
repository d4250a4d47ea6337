"""Install and uninstall on Venus OS: all of it below /data, /run and /service; / stays as Victron made it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.installer import checks, configuration, ports, rclocal, tree
from smallbms.installer.archive import make_current, put_in_place
from smallbms.installer.boot import put_wrappers, supervise
from smallbms.installer.console import Console, Step
from smallbms.installer.layout import HERE, MAIN, OUTPUTS, SUPERVISED, Layout
from smallbms.installer.module import module_of
from smallbms.installer.services import Daemontools


def install(layout: Layout, console: Console, source: Path, given: Path | None = None) -> bool:
    """Install the unpacked version in `source`, or repair it; False after a no. InstallError if it cannot be."""
    _refuse_during_update(layout)
    bundle = tree.read_bundle(source)
    checks.check(layout, source, bundle)
    checks.refuse_other(layout, bundle.version)
    cut_off = any(layout.services.joinpath(name).is_symlink() for name in SUPERVISED) and not layout.wrappers.exists()
    done = console.carry_out(f"To install {bundle.version}", _install_steps(layout, console, source, given))
    if done:
        _tell_next(layout, console, bundle.version)
    if done and cut_off:  # what supervise runs in a directory that was removed, nobody can stop
        console.say(f"REBOOT THE GX: {layout.wrappers} had been removed, and what ran from there still does.")
    return done


def uninstall(layout: Layout, console: Console, *, purge: bool) -> bool:
    """Take everything away, the outputs safe first; False after a no. Without `purge` configuration and state stay."""
    if not layout.home.exists() and not purge:
        raise InstallError("it is not installed")
    _refuse_during_update(layout)
    done = console.carry_out("To uninstall", _uninstall_steps(layout, purge=purge))
    if done and not purge and layout.state.exists():
        console.say(f"Configuration and state are kept in {layout.state}; `uninstall --purge` removes them too.")
    return done


def _refuse_during_update(layout: Layout) -> None:
    if layout.journal.exists():
        raise InstallError("an update is under way: wait until it has ended, or reboot. Nothing was changed.")


def _install_steps(layout: Layout, console: Console, source: Path, given: Path | None) -> tuple[Step, ...]:
    version = tree.read_bundle(source).version
    place = layout.version(version)
    example = source / configuration.EXAMPLE
    return (
        Step(
            says=f"put {tree.size_of(source) / 1e6:.0f} MB into {place}, each file checked, and compile it",
            do=lambda: _put(layout, source),
        ),
        Step(
            says=f"see that there is a configuration, {layout.configuration}",
            do=lambda: console.say(configuration.provide(layout, example, given)),
        ),
        Step(says="make that version the current one", do=lambda: make_current(layout, version)),
        Step(says=f"put {layout.wrappers}, what Victron's supervisor runs", do=lambda: put_wrappers(layout)),
        Step(
            says=f"put a marked block into {_rc_local(layout)}, which starts it at each boot",
            do=lambda: rclocal.put_in(_rc_local(layout), layout.current / "install.sh"),
        ),
        Step(
            says=f"link it in {layout.services}: both processes start; the serial ports of the configuration, and no "
            "others, are taken from serial-starter",
            do=lambda: supervise(layout),
        ),
    )


def _uninstall_steps(layout: Layout, *, purge: bool) -> tuple[Step, ...]:
    services = Daemontools(layout.services)
    steps = [
        Step(says="stop the main process", do=lambda: services.dismiss(MAIN)),
        Step(says="stop the outputs process: every output goes off", do=lambda: services.dismiss(OUTPUTS)),
        Step(says="leave the serial ports to serial-starter", do=lambda: ports.give_back(layout)),
        Step(says=f"take our block out of {_rc_local(layout)}", do=lambda: rclocal.take_out(_rc_local(layout))),
        Step(says=f"remove {layout.home}, its logs and {layout.runtime}", do=lambda: _remove_program(layout)),
    ]
    if purge:
        steps.insert(2, Step(says="remove our settings from localsettings", do=lambda: _forget_settings(layout)))
        steps.append(Step(says=f"remove configuration and state, {layout.state}", do=lambda: _remove(layout.state)))
    return tuple(steps)


def _put(layout: Layout, source: Path) -> None:
    if put_in_place(source, layout) and layout.current.exists():
        Daemontools(layout.services).restart(MAIN)  # repaired: what runs has loaded the broken one


def _forget_settings(layout: Layout) -> None:
    """The D-Bus library is in the version and not here: it is asked, and no GX without localsettings stops us."""
    version = layout.current.resolve() if layout.current.is_dir() else HERE
    program = module_of(version, "smallbms", "forget-settings", "--state", str(layout.state))
    subprocess.run(program.command, env=program.environment, check=False)


def _remove_program(layout: Layout) -> None:
    _remove(layout.home)
    for name in SUPERVISED:
        _remove(layout.root / "var/log" / name)
    _remove(layout.runtime)
    (layout.root / rclocal.LOG).unlink(missing_ok=True)
    (layout.root / "run/watchdog" / MAIN).unlink(missing_ok=True)
    if layout.home.parent.is_dir() and not any(layout.home.parent.iterdir()):
        layout.home.parent.rmdir()


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def _rc_local(layout: Layout) -> Path:
    return layout.root / "data/rc.local"


def _tell_next(layout: Layout, console: Console, version: str) -> None:
    if configuration.is_filled_in(layout.configuration):
        console.say(configuration.judged(layout, version))
    console.say(
        f"Installed. What it says: /var/log/{MAIN}/current. What it does: {layout.home}/smallbms status, or why.\n"
        f"A changed {layout.configuration.name} is tried within a minute, at once after: svc -t /service/{MAIN}"
    )
