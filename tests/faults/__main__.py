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

from faults.table import FAULTS, faults_of, markdown
from faults.trial import attempts

AT_ONCE = 4


def main() -> int:
    arguments = _arguments()
    faults = [fault for fault in FAULTS if not arguments.names or any(name in fault.name for name in arguments.names)]
    with tempfile.TemporaryDirectory(prefix="smallbms-faults-") as folder:
        outcomes = asyncio.run(attempts(faults, Path(folder), seed=arguments.seed, at_once=arguments.at_once))
    print(markdown(outcomes), end="")
    wrong = {fault.name: faults_of(fault, outcome) for fault, outcome in outcomes.items()}
    for name, found in wrong.items():
        for text in found:
            print(f"{name}: {text}", file=sys.stderr)
    return int(any(wrong.values()))


def _arguments() -> argparse.Namespace:
    epilog = "\n".join(fault.name for fault in FAULTS)
    parser = argparse.ArgumentParser(
        prog="faults", description=__doc__, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="which (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="the same faults again, at the same moments")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many systems side by side")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
