"""What the seeds have really met: faults, rows of the order table, reasons, halts, disk failures. Counts, by name.

A test that meets nothing proves nothing: these are summed over all seeds, and a name that stays at nought is told.
"""

# ruff: noqa: SLF001 (the rows that are taken are counted where they are taken: the order store knows nothing of it)
from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tickwright.orders.machine import TABLE, Row
from tickwright.orders.store import OrderStore
from tickwright.run.session import Session
from tickwright.sim.faults import FaultKind
from tickwright.sim.stands.binance_spot import BinanceSpotStand
from tickwright.sim.world import DiskFaultKind, NetFaultKind, Node, World

#: A venue that executes more than was asked for: no stand does; the unit tests of the table do.
BROKEN_VENUE = {32}


class Marks:
    """Of one seed."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count the rows of the order table that are taken, in every store, meanwhile."""
        store_class: Any = OrderStore
        inner = store_class._move
        counts = self._counts

        def move(store: OrderStore, order: Any, row: Row, *args: Any) -> None:
            counts[f"row {row.number}"] += 1
            inner(store, order, row, *args)

        store_class._move = move
        try:
            yield
        finally:
            store_class._move = inner

    def take(self, world: World, stand: BinanceSpotStand, client: Node, session: Session | None) -> None:
        """What the world, the stand, the disk and the last life have counted."""
        for fault in world.network.happened:
            self._counts[f"net {fault.kind.value}"] += 1
        for name, count in stand.faults.happened.items():
            self._counts[f"stand {name}"] += count
        for _, kind in client.disk.happened:
            self._counts[f"disk {kind.value}"] += 1
        if session is not None:
            for name, count in session.state.counters.refusals.items():
                self._counts[f"refused {name}"] += count
            for name in session.state.counters.halts:
                self._counts[f"halt {name}"] += 1


def expected() -> list[str]:
    """Every fault and every row that there is."""
    rows = sorted({row.number for row in TABLE if row is not None} - BROKEN_VENUE)
    return [
        *(f"net {kind.value}" for kind in NetFaultKind),
        *(f"stand {kind.value}" for kind in FaultKind),
        *(f"disk {kind.value}" for kind in DiskFaultKind),
        *(f"row {number}" for number in rows),
    ]
