"""Who is killed because it does not answer, and who is not."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from outputs_process import DEADLINE_S, Outputs, wait_until

from smallbms.outputs.peer import MISSED_ANSWERS, Patience, peer_pid


@contextmanager
def connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        yield connection


@contextmanager
def listening(fd: int) -> Iterator[subprocess.Popen[bytes]]:
    program = f"import signal, socket; socket.socket(fileno={fd}).listen(); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", program], pass_fds=[fd])
    try:
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE_S)


def miss(patience: Patience, connection: socket.socket, *, times: int, late_s: float = 0.0) -> str:
    for _ in range(times):
        error = patience.missed(connection, time.monotonic() - late_s)
    return str(error)


def test_only_the_last_of_some_misses_in_a_row_kills(outputs: Outputs) -> None:
    process = outputs.start()
    patience = Patience()
    with connected(outputs.socket) as connection:
        assert peer_pid(connection) == process.pid
        assert "does not answer" in miss(patience, connection, times=MISSED_ANSWERS - 1)
        patience.answered()
        assert "does not answer" in miss(patience, connection, times=MISSED_ANSWERS - 1)
        assert outputs.serves()
        assert "was killed" in miss(patience, connection, times=1)
    assert process.wait(DEADLINE_S) == -signal.SIGKILL


def test_what_this_process_missed_itself_counts_for_nothing(outputs: Outputs) -> None:
    outputs.start()
    with connected(outputs.socket) as connection:
        assert "stood still" in miss(Patience(), connection, times=10 * MISSED_ANSWERS, late_s=1.0)
    assert outputs.serves()


def test_one_that_is_gone_is_not_looked_for(outputs: Outputs, caplog: pytest.LogCaptureFixture) -> None:
    process = outputs.start()
    with connected(outputs.socket) as connection:
        process.kill()
        process.wait(DEADLINE_S)
        for _ in range(2):
            assert "cannot be killed" in miss(Patience(), connection, times=MISSED_ANSWERS)


def test_one_that_cannot_be_ended_is_said_until_something_answers(
    outputs: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(process: int, number: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", forbidden)
    outputs.start()
    patience = Patience()
    with connected(outputs.socket) as connection:
        said = miss(patience, connection, times=MISSED_ANSWERS)
        assert said.endswith("cannot be killed, its pins stay as they are: Operation not permitted")
        assert miss(patience, connection, times=1) == said
        patience.answered()
        assert "does not answer" in miss(patience, connection, times=1)


def test_a_number_that_became_another_process_is_left_alone(tmp_path: Path) -> None:
    """The listener is gone, and with it what the number meant: here the number is our own."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        with connected(tmp_path / "sock") as connection:
            accepted, _ = listener.accept()
            accepted.close()
            assert peer_pid(connection) == os.getpid()
            assert "cannot be killed" in miss(Patience(), connection, times=MISSED_ANSWERS)


def test_a_second_kill_is_said_as_such(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One that a driver of the kernel holds stays until that returns; here it is a zombie whose socket we hold."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        patience = Patience()
        with listening(listener.fileno()) as process:
            wait_until(lambda: _accepts(tmp_path / "sock"))
            with connected(tmp_path / "sock") as connection:
                for _ in range(3):
                    miss(patience, connection, times=MISSED_ANSWERS)
                assert "does not end" in miss(patience, connection, times=1)
    assert [message.split(str(process.pid))[1] for message in caplog.messages] == [
        f" did not answer {MISSED_ANSWERS} times and was killed",
        " was killed and does not end, its pins stay as they are",
    ]


def _accepts(path: Path) -> bool:
    try:
        with connected(path):
            return True
    except OSError:
        return False
