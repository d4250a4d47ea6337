from __future__ import annotations

from pathlib import Path

import pytest

from smallbms.errors import InstallError
from smallbms.installer.layout import System, debian, layout_of, venus
from smallbms.places import state_directory


def test_the_system_is_known_by_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="neither Venus OS nor Debian"):
        layout_of(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/debian_version").write_text("12.5\n")
    assert layout_of(tmp_path).system is System.DEBIAN
    (tmp_path / "opt/victronenergy").mkdir(parents=True)
    assert layout_of(tmp_path).system is System.VENUS


def test_all_of_a_gx_lies_where_a_firmware_update_leaves_it(tmp_path: Path) -> None:
    layout = venus(tmp_path)
    for place in (layout.version("1.2.3"), layout.current, layout.journal, layout.lock, layout.wrappers):
        assert place.is_relative_to(tmp_path / "data/apps/dbus-smallbms-ng")
    assert layout.configuration.parent == layout.state == tmp_path / "data/conf/dbus-smallbms-ng"


def test_state_is_where_the_service_looks_for_it(tmp_path: Path) -> None:
    (tmp_path / "var/lib/smallbms").mkdir(parents=True)
    assert state_directory({}, root=tmp_path) == debian(tmp_path).state
    (tmp_path / "opt/victronenergy").mkdir(parents=True)
    (tmp_path / "data/conf").mkdir(parents=True)
    assert state_directory({}, root=tmp_path) == venus(tmp_path).state


def test_a_link_that_leads_nowhere_names_no_version(tmp_path: Path) -> None:
    layout = venus(tmp_path)
    layout.home.mkdir(parents=True)
    assert layout.linked_version(layout.current) is None
    layout.current.symlink_to("versions/1.2.3")
    assert layout.linked_version(layout.current) is None
    layout.version("1.2.3").mkdir(parents=True)
    assert layout.linked_version(layout.current) == "1.2.3"
