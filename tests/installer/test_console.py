from __future__ import annotations

import io

import pytest

from smallbms.errors import InstallError
from smallbms.installer.console import Console, Step


def console(answers: str = "", *, yes: bool = False) -> Console:
    return Console(yes=yes, out=io.StringIO(), answers=io.StringIO(answers))


def said(where: Console) -> str:
    assert isinstance(where.out, io.StringIO)
    return where.out.getvalue()


@pytest.mark.parametrize(
    ("answer", "meant"), [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False), ("nay\n", False)]
)
def test_only_a_yes_is_a_yes(answer: str, meant: bool) -> None:
    assert console(answer).ask("Go on?") is meant


def test_nobody_to_ask_is_no_yes() -> None:
    with pytest.raises(InstallError, match="--yes"):
        console().ask("Go on?")


def test_steps_are_said_and_asked_for_before_the_first_is_done() -> None:
    done: list[str] = []
    steps = [Step(says="put it there", do=lambda: done.append("put")), Step(says="link it", do=lambda: None)]
    doubtful = console("n\n")
    assert not doubtful.carry_out("To install", steps)
    assert done == []
    assert "1. put it there\n  2. link it\n" in said(doubtful)
    assert console("y\n").carry_out("To install", steps)
    assert done == ["put"]


def test_with_yes_each_step_is_said_once_as_it_is_done() -> None:
    sure = console(yes=True)
    assert sure.carry_out("To install", [Step(says="one", do=lambda: sure.say("doing")), Step(says="two", do=list)])
    assert said(sure) == "1/2 one\ndoing\n2/2 two\n"
