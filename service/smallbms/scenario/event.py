"""What every event of a scenario is: a time, a word, and something that happens."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from smallbms.config_tables import Table
from smallbms.scenario.clock import Time

if TYPE_CHECKING:
    from smallbms.scenario.stage import Stage


class Event(Table, ABC):
    """[[event]]: at this time, this."""

    at: Time
    do: str

    @property
    def told(self) -> str:
        """One line of the timeline."""
        given = self.model_dump(exclude={"at", "do"}, exclude_unset=True)
        return " ".join([f"event {self.do}", *(f"{key}={value}" for key, value in given.items())])

    @abstractmethod
    def happen(self, stage: Stage) -> None:
        """Let it happen."""
