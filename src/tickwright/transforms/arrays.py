"""What the ``batch`` of stages is made of: numpy, imported only when it is called (start-up time).

Guarantees the same figures as the running forms to rounding error, in memory that does not grow with the window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"

#: Values of windows that are looked at together, and values of a recursion that are taken in one product.
_TOGETHER = 1 << 20
_BLOCK = 64


def by_window(xs: Floats, n: int, function: Callable[[Floats], Floats]) -> Floats:
    """``function`` of every window of n values, given as the rows of a matrix, some rows at a time."""
    import numpy as np  # noqa: PLC0415 (see the module's docstring)

    if len(xs) < n:
        return np.empty(0)
    rows = np.lib.stride_tricks.sliding_window_view(xs, n)
    some = max(1, _TOGETHER // n)
    return np.concatenate([function(rows[start : start + some]) for start in range(0, len(rows), some)])


def averaged(xs: Floats, n: int, alpha: float) -> Floats:
    """``y += (x - y) * alpha``, started with the mean of the first n: from the n-th value on.

    Within a block the recursion is a product with a triangle of powers; only the last value is carried to the next one.
    """
    import numpy as np  # noqa: PLC0415 (the same)

    if len(xs) < n:
        return np.empty(0)
    first = float(np.mean(xs[:n]))
    rest = xs[n:]
    blocks = np.zeros((-(-len(rest) // _BLOCK), _BLOCK))
    blocks.flat[: len(rest)] = rest - first  # relative to the start: digits are not lost far from zero
    keep = (1.0 - alpha) ** np.arange(_BLOCK + 1)
    lag = np.arange(_BLOCK)[:, None] - np.arange(_BLOCK)
    triangle = np.where(lag >= 0, alpha * keep[np.maximum(lag, 0)], 0.0)
    blocks = blocks @ triangle.T
    carry = 0.0
    for place in range(len(blocks)):
        blocks[place] += carry * keep[1:]
        carry = float(blocks[place, -1])
    return np.concatenate(([first], first + blocks.ravel()[: len(rest)]))


def columns(*each: Floats) -> Floats:
    """Side by side."""
    import numpy as np  # noqa: PLC0415 (the same)

    return np.column_stack(each)
