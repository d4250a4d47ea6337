"""Every figure in one table: python bench [NAME …] [--quick] [--json]

Exit status: 0 if everything ran and every limit is reached, else 1. On a machine that does other work too, figures of
time are worse than on a quiet one: look at the load average.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python bench` puts only this folder there

from bench.figure import Figure, table
from bench.machine import describe
from bench.rig import RigError

BENCHES = {
    "cost": "CPU per poll, resident memory",
    "start": "process start to values on the bus",
    "reaction": "over-voltage to charging off",
    "answers": "GetValue while all goes well, and while not",
    "batteries": "silent ones, protections, absurd values",
    "faults": "kills, stops, power cuts, writes of anything",
    "bus_restart": "a bus daemon that dies",
    "dbus_wire": "publishing and GetItems",
    "engine": "engine steps of large banks",
    "physics": "simulated worlds, a year",
    "scaling": "1, 5 and 10 batteries on as many ports",
    "lines": "50 batteries on 10 shared lines",
    "loop_stall": "how long the loop is blocked",
    "mqtt": "the same with a broker that is told everything, dies and comes back",
}
BY_NAME_ONLY = {"soak": "minutes of 20 times the normal rate of events: what leaks"}


def main() -> int:
    arguments = _arguments()
    figures: list[Figure] = []
    failed = []
    for name in arguments.names or BENCHES:
        begin_s = time.monotonic()
        print(f"{name}: {(BENCHES | BY_NAME_ONLY)[name]} …", file=sys.stderr, end=" ", flush=True)
        try:
            measure = importlib.import_module(f"bench.{name}").measure
            figures += measure(arguments.quick, arguments.minutes) if name == "soak" else measure(arguments.quick)
        except RigError as error:
            failed.append(name)
            print(error, file=sys.stderr)
        print(f"{time.monotonic() - begin_s:.0f} s", file=sys.stderr)
    machine = describe()
    if arguments.json:
        print(json.dumps({"machine": machine, "figures": [_plain(figure) for figure in figures]}, indent=1))
    else:
        print(table(figures))
        print("\n" + " · ".join(f"{key} {value}" for key, value in machine.items()))
    return int(bool(failed) or any(figure.reached is False for figure in figures))


def _arguments() -> argparse.Namespace:
    known = BENCHES | BY_NAME_ONLY
    names = "\n".join(f"  {name:12} {text}" for name, text in known.items())
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, epilog=names, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which (default: all but soak)")
    parser.add_argument("--quick", action="store_true", help="a few tries of each: whether it runs, not what it takes")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long soak lasts (default: 20)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - known.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return arguments


def _plain(figure: Figure) -> dict[str, object]:
    value = None if math.isinf(figure.value) else figure.value
    return {**asdict(figure), "value": value, "reached": figure.reached}


if __name__ == "__main__":
    sys.exit(main())
