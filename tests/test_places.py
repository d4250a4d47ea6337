from __future__ import annotations

import os
from pathlib import Path

import pytest

from smallbms.errors import ConfigError
from smallbms.places import runtime_candidates, runtime_directory, state_directory

ALICE = 1000


def anywhere(_: Path) -> bool:
    return True


def nowhere(_: Path) -> bool:
    return False


def home_only(directory: Path) -> bool:
    return "home" in directory.parts or "run-user" in directory.parts


@pytest.mark.parametrize("writable", [anywhere, nowhere], ids=["sound", "read-only"])
def test_venus_keeps_state_where_updates_keep_it(tmp_path: Path, writable: object) -> None:
    (tmp_path / "opt/victronenergy").mkdir(parents=True)
    (tmp_path / "data/conf").mkdir(parents=True)
    (tmp_path / "var/lib/smallbms").mkdir(parents=True)
    found = state_directory({}, root=tmp_path, writable=writable)  # type: ignore[arg-type]
    assert found == tmp_path / "data/conf/dbus-smallbms-ng"
    assert not found.exists()


def test_a_data_directory_alone_is_no_venus(tmp_path: Path) -> None:
    (tmp_path / "data/conf").mkdir(parents=True)
    (tmp_path / "var/lib").mkdir(parents=True)
    assert state_directory({}, root=tmp_path, uid=0, writable=anywhere) == tmp_path / "var/lib/smallbms"


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HOME": "/home/alice"}, "/home/alice/.local/state/smallbms"),
        ({"HOME": "/home/alice", "XDG_STATE_HOME": "/home/alice/s"}, "/home/alice/s/smallbms"),
        ({"HOME": "/home/alice", "XDG_STATE_HOME": "relative"}, "/home/alice/.local/state/smallbms"),
        ({"HOME": "/home/alice", "XDG_STATE_HOME": ""}, "/home/alice/.local/state/smallbms"),
        ({}, "/.local/state/smallbms"),
    ],
)
@pytest.mark.parametrize("system", ["", "var/lib", "var/lib/smallbms"])
def test_a_plain_user_keeps_state_at_home(tmp_path: Path, environ: dict[str, str], place: str, system: str) -> None:
    (tmp_path / system).mkdir(parents=True, exist_ok=True)
    assert state_directory(environ, root=tmp_path, uid=os.geteuid() + 1, writable=home_only) == Path(place)


@pytest.mark.parametrize("uid", [0, None])
def test_a_state_directory_that_turned_read_only_stays_the_place(tmp_path: Path, uid: int | None) -> None:
    (tmp_path / "var/lib/smallbms").mkdir(parents=True)
    assert state_directory({}, root=tmp_path, uid=uid, writable=nowhere) == tmp_path / "var/lib/smallbms"


def test_a_file_in_its_place_is_no_state_directory(tmp_path: Path) -> None:
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / "var/lib/smallbms").touch()
    assert state_directory({"HOME": "/h"}, root=tmp_path) == Path("/h/.local/state/smallbms")


def test_sockets_of_the_system_live_in_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for _ in range(2):
        assert runtime_directory({}, root=tmp_path) == tmp_path / "run/smallbms"
        assert (tmp_path / "run/smallbms").is_dir()


def test_sockets_of_a_user_live_in_the_session(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    session = tmp_path / "run-user"
    session.mkdir()
    found = runtime_directory({"XDG_RUNTIME_DIR": str(session)}, root=tmp_path, writable=home_only)
    assert found == session / "smallbms"
    assert found.is_dir()


@pytest.mark.parametrize("session", ["", "relative", "/nonexistent"])
def test_without_a_session_a_private_directory_is_made(tmp_path: Path, session: str) -> None:
    environ = {"XDG_RUNTIME_DIR": session}
    for _ in range(2):
        found = runtime_directory(environ, root=tmp_path, temporary=tmp_path, writable=nowhere)
        assert found == tmp_path / f"smallbms-{os.geteuid()}"
        assert found.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["open", "link", "file", "missing", "foreign"])
def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path, trap: str) -> None:
    uid = os.geteuid()
    place = tmp_path / f"smallbms-{uid}"
    temporary = tmp_path
    match trap:
        case "open":
            place.mkdir()
            place.chmod(0o755)
        case "link":
            (tmp_path / "target").mkdir(mode=0o700)
            place.symlink_to(tmp_path / "target")
        case "file":
            place.touch()
        case "missing":
            temporary = tmp_path / "missing"
        case "foreign":
            uid = ALICE if uid != ALICE else ALICE + 1
            (tmp_path / f"smallbms-{uid}").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="XDG_RUNTIME_DIR"):
        runtime_directory({}, root=tmp_path, temporary=temporary, uid=uid, writable=nowhere)


def test_clients_look_in_every_place_a_service_may_use() -> None:
    found = runtime_candidates({"XDG_RUNTIME_DIR": "/run/user/1000"}, temporary=Path("/tmp"), uid=ALICE)
    assert found == (Path("/run/smallbms"), Path("/run/user/1000/smallbms"), Path("/tmp/smallbms-1000"))
    assert runtime_candidates({})[-1].name == f"smallbms-{os.geteuid()}"
