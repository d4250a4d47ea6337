from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallbms.installer import rclocal

DOOR = Path("/data/apps/dbus-smallbms-ng/current/install.sh")
OTHERS = {
    "somebody's": (b"#!/bin/bash\nbash /data/apps/other/enable.sh\n", 0o755),
    "ends early": (b"#!/bin/sh\necho hello\nexit 0\n", 0o755),
    "no line end": (b"#!/bin/sh\necho hello", 0o744),
    "only a shebang": (b"#!/bin/sh", 0o755),
    "a shebang and its line": (b"#!/bin/sh\n", 0o755),
    "no shebang": (b"echo hello\n", 0o755),
    "empty": (b"", 0o644),
    "not executable": (b"#!/bin/sh\necho hello\n", 0o644),
    "not UTF-8": (b"#!/bin/sh\n# \xff\xfe\n", 0o755),
    "carriage returns": (b"#!/bin/sh\r\necho hello\r\n", 0o755),
}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("name", OTHERS)
def test_taken_out_again_every_byte_and_the_mode_are_as_before(tmp_path: Path, name: str) -> None:
    content, before = OTHERS[name]
    path = tmp_path / "rc.local"
    path.write_bytes(content)
    path.chmod(before)
    rclocal.put_in(path, DOOR)
    assert mode(path) == 0o755
    once = path.read_bytes()
    rclocal.put_in(path, DOOR)
    assert path.read_bytes() == once
    assert once.count(b"install.sh boot") == 1
    rclocal.take_out(path)
    assert (path.read_bytes(), mode(path)) == (content, before)


@given(content=st.binary(max_size=60))
def test_whatever_is_in_the_file_comes_back(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("data") / "rc.local"
    path.write_bytes(content)
    rclocal.put_in(path, DOOR)
    rclocal.take_out(path)
    assert path.read_bytes() == content


def test_a_file_that_was_not_there_is_gone_again_unless_others_have_used_it(tmp_path: Path) -> None:
    path = tmp_path / "rc.local"
    rclocal.put_in(path, DOOR)
    rclocal.take_out(path)
    assert not path.exists()
    rclocal.put_in(path, DOOR)
    with path.open("a") as file:
        file.write("echo other\n")
    rclocal.take_out(path)
    assert path.read_text() == "#!/bin/sh\necho other\n"
    assert mode(path) == 0o755


@pytest.mark.parametrize("name", ["somebody's", "ends early", "no shebang", "empty"])
def test_it_is_run_whatever_else_is_in_the_file(tmp_path: Path, name: str) -> None:
    door, ran = tmp_path / "install.sh", tmp_path / "ran"
    door.write_text(f'#!/bin/sh\necho "$1" >{ran}\n')
    door.chmod(0o755)
    path = tmp_path / "rc.local"
    path.write_bytes(OTHERS[name][0].replace(b"bash /data/apps/other/enable.sh", b"true"))
    rclocal.put_in(path, door)
    path.write_bytes(path.read_bytes().replace(rclocal.LOG.encode(), str(tmp_path / "log").lstrip("/").encode()))
    subprocess.run(["sh", "-c", f"{path}; wait; while [ ! -s {ran} ]; do sleep 0.01; done"], check=True, timeout=20)
    assert ran.read_text() == "boot\n"


def test_without_our_block_nothing_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "rc.local"
    rclocal.take_out(path)
    assert not path.exists()
    path.write_text("#!/bin/sh\n")
    path.chmod(0o600)
    rclocal.take_out(path)
    assert (path.read_text(), mode(path)) == ("#!/bin/sh\n", 0o600)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, path = tmp_path / "elsewhere", tmp_path / "rc.local"
    target.write_bytes(b"#!/bin/sh\necho hello\n")
    path.symlink_to(target)
    rclocal.put_in(path, DOOR)
    assert path.is_symlink()
    rclocal.take_out(path)
    assert target.read_bytes() == b"#!/bin/sh\necho hello\n"
