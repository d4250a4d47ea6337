"""What the interfaces promise: frames pass, and an interface that is down says so."""

from __future__ import annotations

import socket

import pytest

from .vcan import switch, vcan

FRAME = bytes.fromhex("51030000 08000000 2802f401 2003e001".replace(" ", ""))  # struct can_frame: id 0x351, 8 bytes


def opened(name: str) -> socket.socket:
    connection = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
    connection.settimeout(5)
    connection.bind((name,))
    return connection


def test_a_frame_passes_until_the_interface_goes_down() -> None:
    with vcan() as name, opened(name) as one, opened(name) as other:
        one.send(FRAME)
        assert other.recv(len(FRAME)) == FRAME
        switch(name, up=False)
        with pytest.raises(OSError, match="Network is down"):
            other.recv(len(FRAME))
        with pytest.raises(OSError, match="Network is down"):
            one.send(FRAME)
        switch(name, up=True)
        one.send(FRAME)
        assert other.recv(len(FRAME)) == FRAME
