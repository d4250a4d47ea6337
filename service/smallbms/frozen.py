"""What all values of the project are: immutable to whoever reads or type-checks the code, and cheap to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_Class = TypeVar("_Class")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[_Class]) -> type[_Class]:
    """A slotted, hashable dataclass with keywords only, of which mypy refuses every assignment.

    Nothing refuses one at run time: `dataclass(frozen=True)` pays for that with a call for each field of each value
    made, which was two fifths of an engine step.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(cls)
