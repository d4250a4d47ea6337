"""Inject faults into real systems and print what came of each as a table: python tests/faults [NAME …] [--seed N]

A name is any part of a fault's. Exit status: 0 if all came as it must, else 1.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python tests/faults` puts only this folder there

from faults import power_cuts
from faults.table import FAULTS, faults_of, markdown
from faults.trial import attempts

AT_ONCE = 4


def main() -> int:
    arguments = _arguments()
    faults = [fault for fault in FAULTS if _wanted(fault.name, arguments.names)]
    with tempfile.TemporaryDirectory(prefix="smallbms-faults-") as name:
        folder = Path(name)
        outcomes = asyncio.run(attempts(faults, folder, seed=arguments.seed, at_once=arguments.at_once))
        losses = power_cuts.everywhere(folder, arguments.seed) if _wanted(power_cuts.NAME, arguments.names) else None
    print(markdown(outcomes) + (power_cuts.row(losses) if losses else ""), end="")
    wrong = {fault.name: faults_of(fault, outcome) for fault, outcome in outcomes.items()}
    if losses and losses.too_much:
        wrong[power_cuts.NAME] = [str(losses)]
    for name, found in wrong.items():
        for text in found:
            print(f"{name}: {text}", file=sys.stderr)
    return int(any(wrong.values()))


def _wanted(name: str, parts: list[str]) -> bool:
    return not parts or any(part in name for part in parts)


def _arguments() -> argparse.Namespace:
    epilog = "\n".join([*(fault.name for fault in FAULTS), power_cuts.NAME])
    parser = argparse.ArgumentParser(
        prog="faults", description=__doc__, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="the same faults again, at the same moments")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many systems side by side")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
