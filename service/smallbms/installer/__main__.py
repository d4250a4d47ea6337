"""`python3 -s -B -m smallbms.installer VERB`: what install.sh hands over to."""

from __future__ import annotations

import argparse
import io
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from smallbms.errors import BmsError
from smallbms.installer import bundle, debian, stick, venus, verbs
from smallbms.installer.console import Console
from smallbms.installer.layout import HERE, System, layout_of
from smallbms.installer.update import machine_of

DONE, FAILED = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one verb; 0 done, 1 refused or failed, with a sentence on stderr."""
    os.umask(0o022)  # on Debian the user of the service must be able to read what root writes
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a locale without "→" is no reason to end an upgrade
    arguments = _parser().parse_args(argv)
    try:
        return DONE if arguments.does(arguments) else FAILED
    except BmsError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped; the same command again does the rest", file=sys.stderr)
    return FAILED


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="install.sh", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    def add(name: str, does: Callable[[Namespace], bool], text: str) -> ArgumentParser:
        verb: ArgumentParser = commands.add_parser(name, help=text, description=text)
        verb.set_defaults(does=does)
        return verb

    build = add("bundle", _bundle, "build the archives that install offline")
    build.add_argument("--out", type=Path, default=HERE / "out", metavar="DIR", help="where (default: out)")
    build.add_argument(
        "--arch",
        nargs="+",
        default=bundle.ARCHITECTURES,
        metavar="ARCH",
        help="armv7l, aarch64, x86_64; any: for Debian",
    )
    install = add("install", _install, "install this version")
    install.add_argument("--config", type=Path, metavar="FILE", help="the configuration, if there is none yet")
    install.add_argument("--wheels", type=Path, metavar="DIR", help="on Debian: take packages from here, not the index")
    uninstall = add("uninstall", _uninstall, "take everything away; configuration and state stay")
    uninstall.add_argument("--purge", action="store_true", help="configuration, state and settings go too")
    for verb in (install, uninstall):
        verb.add_argument("--yes", action="store_true", help="ask nothing")
    arriving = add("stick", _stick, "at boot: install or upgrade what a USB stick brings; ask nothing")
    arriving.add_argument("archive", type=Path, metavar="FILE", help="the archive that this version was unpacked from")
    arriving.add_argument("--config", type=Path, metavar="FILE", help="the configuration, if there is none yet")
    verbs.add_verbs(add)
    return parser


def _bundle(arguments: Namespace) -> bool:
    for architecture in arguments.arch:
        archives = bundle.build(HERE, arguments.out, architecture, HERE / ".cache/wheels")
        print("\n".join(bundle.described(archives)))
    return True


def _install(arguments: Namespace) -> bool:
    layout, console = layout_of(arguments.root), Console(yes=arguments.yes)
    if layout.system is System.DEBIAN:
        return debian.install(layout, console, HERE, arguments.config, arguments.wheels)
    return venus.install(layout, console, HERE, arguments.config)


def _stick(arguments: Namespace) -> bool:
    console = Console(yes=True)
    machine = machine_of(layout_of(arguments.root), console.say)
    return stick.arrive(machine, console, HERE, arguments.archive, arguments.config)


def _uninstall(arguments: Namespace) -> bool:
    layout = layout_of(arguments.root)
    uninstall = debian.uninstall if layout.system is System.DEBIAN else venus.uninstall
    return uninstall(layout, Console(yes=arguments.yes), purge=arguments.purge)


if __name__ == "__main__":
    sys.exit(main())
