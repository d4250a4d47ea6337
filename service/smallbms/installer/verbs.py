"""The verbs of updating, for the command line."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from smallbms.installer import guard, upgrade
from smallbms.installer.console import Console
from smallbms.installer.journal import HEALTHY_S
from smallbms.installer.layout import layout_of
from smallbms.installer.update import Machine, machine_of


class Add(Protocol):
    """Adds a verb: its name, what does it, what it is for."""

    def __call__(self, name: str, does: Callable[[Namespace], bool], text: str) -> ArgumentParser: ...


def add_verbs(add: Add) -> None:
    """Add upgrade and rollback, and what supervisors and guards say."""
    exchange = add("upgrade", _upgrade, "exchange this version for another; the previous one comes back if it is bad")
    exchange.add_argument("file", type=Path, metavar="FILE", help="dbus-smallbms-ng-….tar.gz, with FILE.sha256 beside")
    exchange.add_argument("--wheels", type=Path, metavar="DIR", help="take packages from here, not from the index")
    for verb in (exchange, add("rollback", _rollback, "exchange this version for the one before")):
        verb.add_argument("--yes", action="store_true", help="ask nothing")
        verb.add_argument("--healthy-s", type=float, default=HEALTHY_S, metavar="S", help="default: %(default)g")
    watch = add("watch", _watch, "bring an update to an end that was cut short")
    watch.add_argument("--lock", type=int, help="a descriptor that holds the lock already")
    add("resume", _resume, "before the main process starts: see to an update that was cut short")


def _upgrade(arguments: Namespace) -> bool:
    console = Console(yes=arguments.yes)
    return upgrade.upgrade(
        _machine(arguments, console), console, arguments.file.resolve(), arguments.wheels, arguments.healthy_s
    )


def _rollback(arguments: Namespace) -> bool:
    console = Console(yes=arguments.yes)
    return upgrade.rollback(_machine(arguments, console), console, arguments.healthy_s)


def _watch(arguments: Namespace) -> bool:
    return guard.watch(_machine(arguments, Console()), arguments.lock)


def _resume(arguments: Namespace) -> bool:
    guard.resume(_machine(arguments, Console()))
    return True


def _machine(arguments: Namespace, console: Console) -> Machine:
    def say(text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; the update goes on
            console.say(text)

    return machine_of(layout_of(arguments.root), say)
