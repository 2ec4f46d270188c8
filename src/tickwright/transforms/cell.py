"""What a strategy looks at: the latest value of one of its outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Cell:
    """The latest value, None while there is none."""

    __slots__ = ("ready", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.ready = False

    def __repr__(self) -> str:
        return f"<{self.value!r}>" if self.ready else "<not ready>"


class LazyCell:
    """The same for a costly value: made when it is looked at, and kept until there is a newer one."""

    __slots__ = ("_look", "ready")

    def __init__(self, look: Callable[[], Any]) -> None:
        self._look = look
        self.ready = False

    @property
    def value(self) -> Any:
        return self._look() if self.ready else None

    def __repr__(self) -> str:
        return f"<{self.value!r}>" if self.ready else "<not ready>"
