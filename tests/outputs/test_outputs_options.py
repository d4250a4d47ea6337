"""The command line, and the records that need no `typing`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from smallbms.outputs.lean import NamedTuple
from smallbms.outputs.options import Options, parse, usage


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["--socket", "/s"], Options("/s")),
        (["--socket=/s", "--silence-s", "0.5", "--own"], Options("/s", silence_s=0.5, own=True)),
        (
            ["--own", "--alone-s=3", "--update-s=9", "--socket=/a=b"],
            Options("/a=b", update_s=9.0, alone_s=3.0, own=True),
        ),
    ],
)
def test_what_is_asked_for(words: list[str], options: Options) -> None:
    assert parse(words) == options


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--socket is missing"),
        (["--socket"], "--socket needs a value"),
        (["--socket="], "--socket needs a value"),
        (["--socket=/s", "--silence-s=soon"], "--silence-s needs a value"),
        (["--socket=/s", "--sock=/t"], "'--sock=/t' is unknown"),
        (["socket=/s"], "'socket=/s' is unknown"),
        (["--own=yes"], "'--own=yes' is unknown"),
    ],
)
def test_what_is_wrong(words: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(words)


def test_a_wrong_command_line_shows_the_right_one() -> None:
    command = [sys.executable, "-m", "smallbms.outputs", "--sokcet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"{usage()}'--sokcet' is unknown\n")
    assert "so long: 2\n" in done.stderr


class Point(NamedTuple):
    """With a default, a property, a method."""

    x: int
    y: int = 2

    @property
    def sum(self) -> int:
        return self.x + self.y

    def moved(self, by: int) -> Point:
        return self._replace(x=self.x + by)


def test_a_record_is_a_named_tuple() -> None:
    point = Point(1).moved(3)
    assert (point, point.sum, repr(point)) == ((4, 2), 6, "Point(x=4, y=2)")
    assert type(point) is Point
    assert (Point._fields, Point._field_defaults, Point.__doc__) == (
        ("x", "y"), {"y": 2}, "With a default, a property, a method.",
    )  # fmt: skip
    with pytest.raises(AttributeError):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        point.z = 1  # type: ignore[attr-defined]
