"""What `typing` gives at run time, without it: loaded, it would be a sixteenth of so small a process.

Type checkers see the real one.
"""

from __future__ import annotations

TYPE_CHECKING = False  # a type checker takes it for True

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from collections import namedtuple

    class _Maker(type):
        def __new__(cls, name, bases, members):
            fields = members.get("__annotations__", {})
            defaults = [members.pop(field) for field in fields if field in members]
            base = namedtuple(name, fields, defaults=defaults)
            return type(name, (base,), {"__slots__": (), "_replace": _replace, **members})

    def _replace(self, **changes):
        """As of any named tuple; that one goes through an iterator, and leaves 0.5 MB in CPython's lists of spares."""
        return type(self)(**{**self._asdict(), **changes})

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})

__all__ = ["TYPE_CHECKING", "NamedTuple"]
