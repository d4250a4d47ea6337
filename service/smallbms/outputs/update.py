"""The update rule (manual §4.4): what the outputs may show while the program that commands them is replaced.

ATC is off from the begin until a version is healthy. ATD stays on without a gap if it was on at the begin, with no
pre-alarm and no cell alarm; else it goes off with ATC. A version that just started commands ATD off because it has not
read its batteries yet; that alone (`starting`) does not end the hold. Anything else does, and for the rest of the
update: an ATD off for any other reason, a cell alarm, or a pre-alarm that nobody watches any more. If no version is
healthy in time, ATD goes off as well; a retry restarts that time once. Only a client that took control after the
begin, the last one if there were several, can be the new version.
"""

from __future__ import annotations

from enum import StrEnum

from smallbms.outputs.lean import NamedTuple
from smallbms.outputs.protocol import Heartbeat


class UpdatePhase(StrEnum):
    """How far an update is, as told to others."""

    NONE = "none"
    RUNNING = "running"  # ATC off, ATD held or off
    EXPIRED = "expired"  # no version was healthy in time: both off
    FAILED = "failed"  # it is over, another version runs: an alarm only


class Update(NamedTuple):
    """The memory of the update rule."""

    version: str = ""  # the target
    open: bool = False  # begun, and no version healthy yet
    expired: bool = False  # open for too long
    began_at_s: float = 0.0
    retried: bool = False
    holds_atd: bool = False
    taken_over: bool = False  # a client took control since the begin
    failed: bool = False  # the last one that ended; stays through a next one until that is good

    @property
    def phase(self) -> UpdatePhase:
        """How far it is."""
        if self.open:
            return UpdatePhase.EXPIRED if self.expired else UpdatePhase.RUNNING
        return UpdatePhase.FAILED if self.failed else UpdatePhase.NONE

    @property
    def replaces_client(self) -> bool:
        """The client in control is the version to be replaced."""
        return self.open and not self.taken_over

    def begin(self, version: str, *, atd_on: bool, alarm: bool, now_s: float) -> Update:
        """Begin, or try again; `alarm` is a pre-alarm or a cell alarm."""
        holds_atd = (self.holds_atd if self.open else atd_on) and not alarm
        begun = self._replace(version=version, open=True, holds_atd=holds_atd, taken_over=False)
        if self.open and self.retried:
            return begun
        return begun._replace(began_at_s=now_s, expired=False, retried=self.open)

    def handed_over(self) -> Update:
        """A client took control."""
        return self._replace(taken_over=self.open)

    def heard(self, beat: Heartbeat) -> Update:
        """Let a heartbeat end the hold; it never begins one."""
        if (beat.outputs.atd or beat.starting) and not beat.cell_alarm:
            return self
        return self._replace(holds_atd=False)

    def unattended(self, *, pre_alarm: bool) -> Update:
        """Nobody commands any more; in a pre-alarm the hold ends with that."""
        return self._replace(holds_atd=self.holds_atd and not pre_alarm)

    def tick(self, now_s: float, limit_s: float) -> Update:
        """Let the time run out."""
        if self.time_left_s(now_s, limit_s) == 0.0:
            return self._replace(expired=True, holds_atd=False)
        return self

    def healthy(self, version: str) -> Update:
        """A version is healthy: good if it is the target, else the update was rolled back."""
        if not self.open:
            return self
        return Update() if version == self.version else Update(version=self.version, failed=True)

    def acknowledge(self) -> Update:
        """A person has seen the failure."""
        return self._replace(failed=False)

    def cut_short(self, version: str) -> Update:
        """A reboot ended an update that is not known here."""
        return self._replace(version=version, failed=True)

    def restarted(self) -> Update:
        """What is left of it after this process was restarted: an open update has failed."""
        return Update(version=self.version, failed=self.failed or self.open)

    def time_left_s(self, now_s: float, limit_s: float) -> float | None:
        """Seconds until it expires; None when it is not running."""
        return max(0.0, self.began_at_s + limit_s - now_s) if self.phase is UpdatePhase.RUNNING else None
