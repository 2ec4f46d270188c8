"""A secret that cannot be shown by accident.

``repr``, ``str``, ``format``, pickling, copying and comparison all redact or refuse; the bytes come out of :meth:`Secret.reveal`
alone, which is called where something is signed. It does not protect the memory of the process.
"""

from __future__ import annotations

from typing import NoReturn

REDACTED = "Secret(…)"


class Secret:
    """Holds bytes that must not reach a log, a journal, an error or a command line. Text is held as UTF-8."""

    __slots__ = ("__raw",)

    def __init__(self, raw: bytes | str) -> None:
        self.__raw = raw.encode() if isinstance(raw, str) else bytes(raw)

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self.__raw

    def __repr__(self) -> str:
        return REDACTED

    def __str__(self) -> str:
        return REDACTED

    def __format__(self, spec: str) -> str:
        return REDACTED

    def __bool__(self) -> bool:
        return bool(self.__raw)

    def __eq__(self, other: object) -> bool:
        # By identity: an answer about the bytes would let guesses find them.
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")
