"""What the engine remembers of updates; the outputs process alone times them (manual §4.4)."""

from __future__ import annotations

from smallbms.frozen import frozen
from smallbms.model import OutputsReadBack
from smallbms.words import UpdatePhase


@frozen
class UpdateMemory:
    """`restored`: this phase was read from the store and the outputs process has not spoken yet."""

    phase: UpdatePhase = UpdatePhase.NONE
    restored: bool = False
    failed: bool = False


_NOTHING = UpdateMemory()


def follow(memory: UpdateMemory, outputs: OutputsReadBack, acknowledged: bool) -> UpdateMemory:
    """Follow the phases; an update that a reboot cut short has failed. Stays until acknowledged or a good update."""
    if not outputs.reachable:
        return UpdateMemory(phase=memory.phase, restored=memory.restored, failed=memory.failed and not acknowledged)
    if outputs.update is UpdatePhase.NONE and memory == _NOTHING:
        return memory
    phase, failed = outputs.update, memory.failed and not acknowledged
    if phase in (UpdatePhase.EXPIRED, UpdatePhase.FAILED):
        failed = memory.phase is not phase or failed
    elif phase is UpdatePhase.NONE and memory.phase is UpdatePhase.RUNNING:
        failed = memory.restored  # nobody of this process saw it end well
    after = UpdateMemory(phase=phase, failed=failed)
    return memory if after == memory else after
