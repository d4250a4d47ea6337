from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer import debian, disk, names, units
from smallbms.installer.console import Console
from smallbms.installer.layout import MAIN, Layout
from smallbms.installer.layout import debian as debian_layout
from smallbms.installer.systemd import Systemd

from .debian_programs import DebianPrograms
from .project import ROOT, make_project

SETUP = "[options]\ninstall_requires =\n    # nothing to fetch\n"
PROPERTIES = "ID_SERIAL_SHORT=A50285BI\nID_VENDOR_ID=0403\nID_MODEL_ID=6001\nID_USB_INTERFACE_NUM=00\nID_PATH=pci-1\n"
USB_PORTS = '[[battery]]\nport = "/dev/serial/by-id/x"\n[[battery]]\nport = "/dev/ttyUSB0"\n'


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DebianPrograms:
    made = DebianPrograms(tmp_path / "bin")
    monkeypatch.setenv("PATH", made.path)
    return made


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "root").mkdir()
    return debian_layout(tmp_path / "root")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Sources, as a checkout has them."""
    made = make_project(tmp_path / "project")
    (made / "setup.cfg").write_text(SETUP)
    for name in ("python", "smallbms", "main", *units.FILES):
        copy = made / units.SOURCE / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((ROOT / units.SOURCE / name).read_bytes())
        copy.chmod((ROOT / units.SOURCE / name).stat().st_mode)
    return made


def console() -> Console:
    return Console(yes=True, out=io.StringIO())


def said(where: Console) -> str:
    assert isinstance(where.out, io.StringIO)
    return where.out.getvalue()


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


@pytest.mark.slow
def test_install_again_and_uninstall_leave_what_they_should(
    layout: Layout, project: Path, programs: DebianPrograms
) -> None:
    (layout.root / "etc").mkdir()
    before = files(layout.root)
    assert debian.install(layout, console(), project, None, None)
    assert layout.linked_version(layout.current) == "1.2.3"
    assert (layout.root / "usr/local/bin/smallbms").readlink() == Path(
        "/opt/dbus-smallbms-ng/current/service/systemd/smallbms"
    )
    assert {"etc/systemd/system/dbus-smallbms-ng.service", "etc/smallbms/smallbms.toml"} <= files(layout.root)
    assert [call for call in programs.calls if call.startswith("useradd --system") and call.endswith(" smallbms")]
    assert [call for call in programs.calls if call.startswith("usermod")] == [
        "usermod --append --groups gpio smallbms",
        "usermod --append --groups dialout smallbms",
        "usermod --append --groups bluetooth smallbms",
    ]
    assert f"chgrp smallbms {layout.configuration}" in programs.calls
    assert layout.configuration.stat().st_mode & 0o777 == 0o640
    assert "systemctl enable smallbms-outputs.service dbus-smallbms-ng.service" in programs.calls
    assert Systemd().is_up(MAIN)
    runs = subprocess.run(
        [layout.current / "service/systemd/smallbms", "said", "so"], capture_output=True, text=True, check=True
    )
    assert runs.stdout == "said so\n"  # by the venv, in the version
    again = console()
    assert debian.install(layout, again, project, None, None)
    assert "is an example" in said(again)
    assert "systemctl restart --no-block dbus-smallbms-ng.service" not in programs.calls
    python = layout.current / "venv/bin/python"
    (layout.current / "service/smallbms/__init__.py").write_text("")
    assert debian.install(layout, console(), project, None, None)  # what was broken is repaired and started anew
    assert "1.2.3" in (layout.current / "service/smallbms/__init__.py").read_text()
    assert "systemctl restart --no-block dbus-smallbms-ng.service" in programs.calls
    python.unlink()  # an upgrade of the whole system took that Python away
    python.symlink_to("/usr/bin/python-of-the-last-release")
    assert debian.install(layout, console(), project, None, None)
    subprocess.run([python, "-c", ""], check=True)
    assert programs.calls.count("systemctl restart --no-block dbus-smallbms-ng.service") == 2
    (damaged,) = python.parents[1].glob("lib/python*/site-packages/pip/__init__.py")
    damaged.write_text("")
    assert debian.install(layout, console(), project, None, None)
    assert damaged.stat().st_size > 0
    assert programs.calls.count("systemctl restart --no-block dbus-smallbms-ng.service") == 3
    gone = console()
    assert debian.uninstall(layout, gone, purge=False)
    assert not Systemd().is_up(MAIN)
    assert files(layout.root) - before - {"opt", "usr", "usr/local", "usr/local/bin"} == {
        "etc/dbus-1", "etc/dbus-1/system.d", "etc/smallbms", "etc/smallbms/smallbms.toml", "etc/systemd",
        "etc/systemd/system",
    }  # fmt: skip
    assert f"{layout.configuration.parent} are kept" in said(gone)
    assert debian.uninstall(layout, console(), purge=True)
    assert not layout.configuration.parent.exists()
    assert "userdel smallbms" in programs.calls


def test_over_another_version_it_is_an_upgrade(layout: Layout, project: Path, programs: DebianPrograms) -> None:
    layout.version("1.0.0").mkdir(parents=True)
    disk.point(layout.current, "versions/1.0.0")
    with pytest.raises(InstallError, match=r"1\.0\.0 is installed: `install\.sh upgrade FILE`"):
        debian.install(layout, console(), project, None, None)


def test_nothing_to_uninstall_is_told(layout: Layout, programs: DebianPrograms) -> None:
    with pytest.raises(InstallError, match="not installed"):
        debian.uninstall(layout, console(), purge=False)


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        (None, False),
        ("dtparam=i2c_arm=on\n", True),
        ("dtparam=strict_gpiod\n", False),
        ("dtparam=i2c_arm=on,strict_gpiod\n", False),
        ("# dtparam=strict_gpiod\n", True),
    ],
)
def test_config_txt_is_looked_at_and_never_touched(layout: Layout, text: str | None, lacks: bool) -> None:
    file = layout.root / "boot/firmware/config.txt"
    if text is not None:
        file.parent.mkdir(parents=True)
        file.write_text(text)
    told = debian.advice(layout)
    assert (told is not None) is lacks
    assert told is None or "dtparam=strict_gpiod" in told
    assert text is None or file.read_text() == text


@pytest.mark.parametrize(
    ("properties", "rule"),
    [
        (
            PROPERTIES,
            'SUBSYSTEM=="tty", ENV{ID_SERIAL_SHORT}=="A50285BI", ENV{ID_VENDOR_ID}=="0403", '
            'ENV{ID_MODEL_ID}=="6001", ENV{ID_USB_INTERFACE_NUM}=="00", SYMLINK+="smallbms/battery2"\n',
        ),
        ("ID_PATH=pci-1\n", 'SUBSYSTEM=="tty", ENV{ID_PATH}=="pci-1", SYMLINK+="smallbms/battery2"\n'),
    ],
)
def test_an_adapter_gets_a_name_that_stays(
    layout: Layout, programs: DebianPrograms, properties: str, rule: str
) -> None:
    layout.configuration.parent.mkdir(parents=True)
    layout.configuration.write_text(USB_PORTS)
    (programs.state / "properties").write_text(properties)
    assert names.give(layout) == {"/dev/ttyUSB0": "/dev/smallbms/battery2"}
    assert (layout.root / names.RULES).read_text() == rule
    names.take_back(layout)
    assert not (layout.root / names.RULES).exists()


def cp2102(path: str, serial: str = "0001") -> str:
    return f"ID_SERIAL_SHORT={serial}\nID_VENDOR_ID=10c4\nID_MODEL_ID=ea60\nID_USB_INTERFACE_NUM=00\nID_PATH={path}\n"


@pytest.mark.parametrize("used", ["01", "0"])
def test_adapters_with_one_serial_number_are_named_by_their_sockets(
    layout: Layout, programs: DebianPrograms, used: str
) -> None:
    """Whoever is plugged in counts, used or not: it could be the first that the rule meets after a reboot."""
    layout.configuration.parent.mkdir(parents=True)
    layout.configuration.write_text("".join(f'[[battery]]\nport = "/dev/ttyUSB{number}"\n' for number in used))
    (layout.root / "dev").mkdir()
    for number, properties in enumerate((cp2102("pci-1"), cp2102("pci-2"), cp2102("pci-3", "0002"))):
        (programs.state / f"ttyUSB{number}").write_text(properties)
        (layout.root / f"dev/ttyUSB{number}").touch()
    names.give(layout)
    rules = {
        "0": 'SUBSYSTEM=="tty", ENV{ID_PATH}=="pci-1", SYMLINK+="smallbms/battery1"\n',
        "1": 'SUBSYSTEM=="tty", ENV{ID_PATH}=="pci-2", SYMLINK+="smallbms/battery2"\n',
    }
    assert (layout.root / names.RULES).read_text() == "".join(rules[number] for number in used)


def test_one_that_nothing_tells_from_another_gets_no_name(layout: Layout, programs: DebianPrograms) -> None:
    layout.configuration.parent.mkdir(parents=True)
    layout.configuration.write_text('[[battery]]\nport = "/dev/ttyUSB0"\n[[battery]]\nport = "/dev/ttyUSB1"\n')
    (programs.state / "properties").write_text(cp2102("pci-1"))  # two ports of one interface
    assert names.give(layout) == {}
    assert not (layout.root / names.RULES).exists()


def test_an_adapter_that_is_not_there_gets_none(layout: Layout, programs: DebianPrograms) -> None:
    layout.configuration.parent.mkdir(parents=True)
    layout.configuration.write_text(USB_PORTS)
    assert names.give(layout) == {}
    assert not (layout.root / names.RULES).exists()
    assert names.unstable(layout) == {"/dev/ttyUSB0": "smallbms/battery2"}


@pytest.mark.slow
def test_the_venv_of_a_real_install_runs_the_self_test(
    tmp_path: Path, layout: Layout, programs: DebianPrograms
) -> None:
    """Real pip, real packages, offline from a directory, in a version as it will run."""
    wheels = tmp_path / "wheels"
    fetch = [sys.executable, "-m", "pip", "-q", "download", "--only-binary=:all:", "-d", str(wheels), *requirements()]
    subprocess.run(fetch, check=True)
    assert debian.install(layout, console(), ROOT, None, wheels)
    command = layout.current / "service/systemd/smallbms"
    done = subprocess.run([command, "selftest"], capture_output=True, text=True, check=True)
    assert '"protocol"' in done.stdout
    loaded = "import smallbms, pydantic; print(smallbms.__file__, pydantic.__file__)"
    where = subprocess.run(
        [layout.current / "service/systemd/python", "-c", loaded], capture_output=True, text=True, check=True
    )
    assert all(Path(place).is_relative_to(layout.home) for place in where.stdout.split())


def requirements() -> list[str]:
    from configparser import ConfigParser

    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    return [line for line in config["options"]["install_requires"].splitlines() if line and line[0] != "#"]
