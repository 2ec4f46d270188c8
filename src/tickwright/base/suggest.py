"""Near-miss suggestions for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def near(name: str, known: Iterable[str]) -> str:
    """``"did you mean 'ema_fast'?"`` or ``""`` when nothing is close. Case is ignored."""
    by_fold = {item.casefold(): item for item in sorted(known)}
    close = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    return f"did you mean {by_fold[close[0]]!r}?" if close else ""


def near_or_list(name: str, known: Iterable[str], limit: int = 8) -> str:
    """The suggestion, or the first few known names when nothing is close."""
    items = sorted(known)
    hint = near(name, items)
    if hint or not items:
        return hint
    more = ", …" if len(items) > limit else ""
    return f"known: {', '.join(items[:limit])}{more}"
