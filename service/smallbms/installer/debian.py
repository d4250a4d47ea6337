"""Install and uninstall on Debian and Raspberry Pi OS: a venv for each version in /opt, two units of systemd."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smallbms.errors import InstallError
from smallbms.installer import archive, bundle, checks, configuration, names, tree, units, venv
from smallbms.installer.console import Console, Step
from smallbms.installer.layout import MAIN, OUTPUTS, SUPERVISED, Layout
from smallbms.installer.programs import call, obey
from smallbms.installer.systemd import Systemd

USER = "smallbms"
GROUPS = ("gpio", "i2c", "dialout", "bluetooth")  # who may use pins, buses, serial ports, BlueZ; as far as there are
CONFIG_TXT = ("boot/firmware/config.txt", "boot/config.txt")
_STRICT = re.compile(r"^\s*dtparam=([^#]*,)?strict_gpiod\b", re.MULTILINE)


def install(layout: Layout, console: Console, project: Path, given: Path | None, wheels: Path | None) -> bool:
    """Install this version, or repair it; False after a no. InstallError if it cannot be.

    `project`: an unpacked bundle, or the sources. `wheels`: a directory with what pip would fetch.
    """
    with _source(project) as source:
        found = tree.read_bundle(source)
        checks.check(layout, source, found)
        checks.refuse_other(layout, found.version)
        steps = _install_steps(layout, console, source, given, wheels)
        done = console.carry_out(f"To install {found.version}", steps)
    if done:
        _tell_next(layout, console)
    return done


def uninstall(layout: Layout, console: Console, *, purge: bool) -> bool:
    """Take everything away, the outputs safe first; False after a no. Without `purge` configuration and state stay."""
    if not layout.home.exists() and not purge:
        raise InstallError("it is not installed")
    done = console.carry_out("To uninstall", _uninstall_steps(layout, purge=purge))
    if done and not purge:
        kept = " and ".join(str(place) for place in (layout.configuration.parent, layout.state) if place.exists())
        console.say(f"{kept} are kept; `uninstall --purge` removes them too." if kept else "Nothing is left.")
    return done


def advice(layout: Layout) -> str | None:
    """Return what a Raspberry Pi's config.txt should say and does not; None where there is nothing to say."""
    file = next((layout.root / name for name in CONFIG_TXT if (layout.root / name).is_file()), None)
    if file is None or _STRICT.search(file.read_text(encoding="utf-8", errors="replace")):
        return None
    return (
        f"{file} lacks the line\n    dtparam=strict_gpiod\nWithout it a pin keeps its level when the process that\n"
        "holds it is killed: a relay stays closed until systemd has switched it off, about a second later.\n"
        "Add the line yourself and reboot."
    )


@contextmanager
def _source(project: Path) -> Iterator[Path]:
    """The unpacked bundle, made of the sources where it is none yet."""
    if (project / tree.BUNDLE).exists():
        yield project
        return
    with tempfile.TemporaryDirectory(prefix="smallbms-install-") as directory:
        bundle.write_tree(project, Path(directory))
        yield Path(directory)


def _install_steps(
    layout: Layout, console: Console, source: Path, given: Path | None, wheels: Path | None
) -> tuple[Step, ...]:
    version = tree.read_bundle(source).version
    place = layout.version(version)
    example = source / configuration.EXAMPLE
    steps = [
        Step(says=f"make a user {USER}, in those of the groups {', '.join(GROUPS)} that there are", do=_make_user),
        Step(
            says=f"put this version into {place}, with a venv of its own from {wheels or 'the package index'}",
            do=lambda: _put(layout, source, wheels),
        ),
        Step(
            says=f"see that there is a configuration, {layout.configuration}",
            do=lambda: _configure(layout, console, example, given),
        ),
        Step(says="make that version the current one", do=lambda: archive.make_current(layout, version)),
        Step(
            says=f"put two units into {layout.services}, a D-Bus policy, and the command /{units.COMMAND}",
            do=lambda: units.put(layout),
        ),
        Step(
            says="give serial adapters that the configuration calls ttyUSB… or ttyACM… lasting names in /dev/smallbms",
            do=lambda: _name(layout, console),
        ),
        Step(says="start both processes, now and at each boot", do=lambda: _start(layout)),
    ]
    if importlib.util.find_spec("ensurepip") is None:
        steps.insert(0, Step(says="install python3-venv with apt", do=_install_venv))
    return tuple(steps)


def _uninstall_steps(layout: Layout, *, purge: bool) -> tuple[Step, ...]:
    services = Systemd()
    steps = [
        Step(says="stop the main process", do=lambda: services.stop(MAIN)),
        Step(says="stop the outputs process: every output goes off", do=lambda: services.stop(OUTPUTS)),
        Step(says="remove units, D-Bus policy and command", do=lambda: _remove_units(layout)),
        Step(says="remove the names in /dev/smallbms", do=lambda: names.take_back(layout)),
        Step(says=f"remove {layout.home} and {layout.runtime}", do=lambda: _remove(layout.home, layout.runtime)),
    ]
    if purge:
        places = (layout.configuration.parent, layout.state)
        steps.append(Step(says=f"remove {places[0]} and {places[1]}", do=lambda: _remove(*places)))
        steps.append(Step(says=f"remove the user {USER}", do=_remove_user))
    return tuple(steps)


def _install_venv() -> None:
    obey("apt-get", "-qq", "update")
    obey("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", "install", "python3-venv")


def _make_user() -> None:
    if call("id", USER)[0] != 0:
        obey("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/var/lib/smallbms",
             "--shell", "/usr/sbin/nologin", USER)  # fmt: skip
    for group in GROUPS:
        if call("getent", "group", group)[0] == 0:
            obey("usermod", "--append", "--groups", group, USER)


def _remove_user() -> None:
    if call("id", USER)[0] == 0:
        obey("userdel", USER)


def _put(layout: Layout, source: Path, wheels: Path | None) -> None:
    """Repaired, it has to be loaded anew: what runs has loaded the broken one."""
    fresh = archive.put_in_place(source, layout)
    made = venv.make(layout, tree.read_bundle(source).version, wheels)
    if (fresh or made) and layout.current.exists():
        Systemd().restart(MAIN)


def _configure(layout: Layout, console: Console, example: Path, given: Path | None) -> None:
    """The password of a broker may be in it: the user of the service reads it, and root."""
    console.say(configuration.provide(layout, example, given))
    obey("chgrp", USER, str(layout.configuration))
    layout.configuration.chmod(0o640)


def _name(layout: Layout, console: Console) -> None:
    named = names.give(layout)
    for port, name in named.items():
        console.say(f"{port} is now {name} too: write that into {layout.configuration}")
    for port in names.unstable(layout).keys() - named.keys():
        console.say(f"{port} is not there, or like another: its name may change; see /dev/serial/by-path/")


def _start(layout: Layout) -> None:
    services = Systemd()
    obey("systemctl", "enable", *(f"{name}.service" for name in SUPERVISED))
    for name in SUPERVISED:
        services.start(name)


def _remove_units(layout: Layout) -> None:
    call("systemctl", "disable", *(f"{name}.service" for name in SUPERVISED))
    units.remove(layout)


def _remove(*directories: Path) -> None:
    for directory in directories:
        if directory.exists():
            shutil.rmtree(directory)


def _tell_next(layout: Layout, console: Console) -> None:
    if (text := advice(layout)) is not None:
        console.say(text)
    console.say(
        f"Installed. What it says: journalctl -fu {MAIN}. What it does: smallbms status, or why.\n"
        f"A changed {layout.configuration} is tried within a minute, at once after: systemctl restart {MAIN}"
    )
