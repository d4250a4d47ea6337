"""Say what is going to be done, ask, do it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TextIO

from smallbms.errors import InstallError
from smallbms.frozen import frozen


@frozen
class Step:
    """One thing to do, idempotent; `says` is what a person reads beforehand and while it is done."""

    says: str
    do: Callable[[], None]


@frozen
class Console:
    """Where a person reads and answers; with `yes` nobody is asked."""

    yes: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)
    answers: TextIO = field(default_factory=lambda: sys.stdin)

    def say(self, text: str) -> None:
        """Print at once, for a pipe too."""
        print(text, file=self.out, flush=True)

    def ask(self, question: str) -> bool:
        """Whether a person says yes; anything but "y" or "yes" is a no. InstallError if there is nobody to ask."""
        if self.yes:
            return True
        print(f"{question} [y/N] ", end="", file=self.out, flush=True)
        answer = self.answers.readline()
        if not answer:
            raise InstallError("there is nobody to ask: add --yes")
        return answer.strip().lower() in ("y", "yes")

    def carry_out(self, title: str, steps: Sequence[Step]) -> bool:
        """Say all steps, ask, then do them in order, each said; False, and nothing done, after a no."""
        if not self.yes:
            self.say(f"{title}:")
            for number, step in enumerate(steps, 1):
                self.say(f"  {number}. {step.says}")
            if not self.ask("Go on?"):
                self.say("Nothing was changed.")
                return False
        for number, step in enumerate(steps, 1):
            self.say(f"{number}/{len(steps)} {step.says}")
            step.do()
        return True
