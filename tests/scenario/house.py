"""A small house in which one thing happens."""

from __future__ import annotations

from smallbms.scenario.format import parse
from smallbms.scenario.runner import Result, run

HOUSE = """
name = "a house"
about = "one event, and what it did"
duration = "0:02"
{head}
[bank]
model = "12.8/100"
batteries = 2
{bank}
[charger.shore]
power_w = 300
limit_a = 30
[load.lamp]
power_w = 100
{events}
[[expect]]
{expect}
"""


def play(expect: str, *events: str, head: str = "", bank: str = "") -> Result:
    """Run it; the events come after a minute."""
    tables = "\n".join(f'[[event]]\nat = "0:01"\n{event}' for event in events)
    return run(parse(HOUSE.format(expect=expect, events=tables, head=head, bank=bank), "house.toml"))
