"""README's section on safety names faults, tests and scenarios that there are."""

from __future__ import annotations

import re
from pathlib import Path

from .power_cuts import NAME
from .table import FAULTS

TESTS = Path(__file__).parents[1]
README = (TESTS.parent / "README.md").read_text(encoding="utf-8")


def test_the_table_of_faults_has_every_fault_that_is_injected() -> None:
    table = README.partition("<!-- faults -->\n")[2].partition("<!-- end -->")[0]
    names = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]]
    assert names == [*(fault.name for fault in FAULTS), NAME], (
        "run: .venv/bin/python tests/faults, and put it into README"
    )


def test_every_hazard_is_proved_by_tests_that_exist() -> None:
    table = README.partition("### Hazards\n")[2].partition("### ")[0]
    proofs = re.findall(r"`([\w/]+\.(?:py|toml))(?:::(\w+))?`", table)
    assert len(proofs) > 20
    for file, test in proofs:
        assert (TESTS / file).exists(), file
        assert not test or f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), f"{file}::{test}"
