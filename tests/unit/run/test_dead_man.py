"""The dead-man's switch, in virtual time: kept from going off while the run lives, left to go off when it dies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tickwright import Strategy, quotes
from tickwright.base.chance import Chance
from tickwright.base.errors import VenueError
from tickwright.engine.build import attach
from tickwright.engine.state import EngineConfig, State
from tickwright.model.effect import Notice, Stopped
from tickwright.model.event import Verb
from tickwright.model.market import BUY
from tickwright.model.reason import Reason
from tickwright.ports import MarketSink
from tickwright.risk.halts import HaltLevel
from tickwright.risk.limits import Limits
from tickwright.run.dead_man import dead_man
from tickwright.run.shell import Shell
from tickwright.sim.exchange import Exchange
from tickwright.sim.latency import no_latency
from tickwright.sim.queue import PessimisticQueue
from tickwright.sim.venue import SimVenue
from tickwright.sim.venue_rules import sim_caps
from tickwright.sim.world import Node, World
from unit.sim.simkit import BTC, FREE, FUNDS, new_order

TTL_S = 30.0


class NoMarket:
    """A source that delivers nothing."""

    async def run_market(self, _subs: Any, _sink: MarketSink) -> None:
        await asyncio.Event().wait()


class Watching(Strategy):
    top = quotes()


class Switched(SimVenue):
    """The simulated venue, of which refreshes can be made to fail."""

    def __init__(self, node: Node, **caps: Any) -> None:
        self.exchange = Exchange([BTC], FREE, PessimisticQueue(), Chance(1))
        self.exchange.add_account("me", FUNDS)
        known = msgspec.structs.replace(sim_caps("sim"), **caps)
        source: Any = NoMarket()
        super().__init__(self.exchange, "me", [BTC], source, clock=node.clock, latencies=no_latency(), caps=known)
        self.asked: list[tuple[float, float]] = []
        self.trouble = ""

    async def keep_alive(self, ttl_s: float) -> bool:
        self.asked.append((round(asyncio.get_running_loop().time(), 3), ttl_s))
        if self.trouble == "raises":
            raise VenueError("no answer")
        if self.trouble == "hangs":
            await asyncio.Event().wait()
        return self.trouble != "says no" and await super().keep_alive(ttl_s)


def in_world(story: Callable[[Node, Switched, Shell], Any], ttl_s: float = TTL_S, **caps: Any) -> tuple[Switched, list[Notice]]:
    """A shell over the venue, with its switch, in virtual time."""
    notices: list[Notice] = []
    with World(3) as world:
        node = world.node("client")
        venue = Switched(node, **caps)

        async def run() -> None:
            await venue.open()
            limits = Limits(max_order_value=Decimal(1), max_order_qty=Decimal(1))
            config = EngineConfig(currency="USDT", limits=limits, id_prefix="twtest00-", auto_arm=True)
            state = State(config, [venue.caps], [BTC])
            state.traded = [BTC.key]
            attach(state, Watching())
            shell = Shell(state, {"sim": venue}, {}, node.clock, on_notice=notices.append, keepers=dead_man(venue, ttl_s))
            running = asyncio.create_task(shell.run())
            try:
                await story(node, venue, shell)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        world.run(node, run(), limit_s=600)
    return venue, notices


def test_given_a_run_that_lives_when_time_passes_then_the_switch_is_refreshed_three_times_in_its_time() -> None:
    """From the very start on, and an order stays."""

    async def story(_node: Node, venue: Switched, _shell: Shell) -> None:
        await venue.submit(new_order("x", BUY, 1, 90))
        await asyncio.sleep(95)
        assert venue.exchange.open_orders("me")

    venue, notices = in_world(story)
    times = [at for at, _ in venue.asked]
    assert [round(b - a, 2) for a, b in itertools.pairwise(times)] == [10.0] * 9
    assert {ttl for _, ttl in venue.asked} == {TTL_S}
    assert [notice for notice in notices if notice.what == "dead_man"] == []


def test_given_a_switch_with_a_shorter_bound_when_it_is_set_then_that_is_kept_to() -> None:
    """The venue takes no longer time than it says."""

    async def story(_node: Node, _venue: Switched, _shell: Shell) -> None:
        await asyncio.sleep(11)

    venue, _ = in_world(story, dead_man_ns=6 * 10**9)
    assert {ttl for _, ttl in venue.asked} == {6.0}
    assert len(venue.asked) == 6


def test_given_a_run_that_dies_when_the_time_is_up_then_the_venue_has_cancelled_everything() -> None:
    """Nobody says goodbye: the tasks are gone from one moment to the next."""

    async def story(_node: Node, venue: Switched, shell: Shell) -> None:
        await venue.submit(new_order("x", BUY, 1, 90))
        await asyncio.sleep(1)
        shell._fail(RuntimeError("a defect"))  # not an orderly end
        await asyncio.sleep(TTL_S - 2)
        assert venue.exchange.open_orders("me")
        await asyncio.sleep(2)
        assert venue.exchange.open_orders("me") == []

    venue, _ = in_world(story)
    assert len(venue.asked) == 1


def test_given_an_orderly_end_when_it_is_over_then_the_switch_is_off_and_what_was_left_stays() -> None:
    """What ``cancel_on_stop = false`` leaves is left on purpose."""

    async def story(_node: Node, venue: Switched, shell: Shell) -> None:
        await venue.submit(new_order("x", BUY, 1, 90))
        await asyncio.sleep(1)
        shell._stopped(Stopped(True, "clean"), None)  # type: ignore[arg-type]  # what caused it does not matter
        await asyncio.sleep(100)
        assert venue.exchange.open_orders("me")

    venue, _ = in_world(story)
    assert [ttl for _, ttl in venue.asked] == [TTL_S, 0]


@pytest.mark.parametrize("trouble", ["raises", "hangs", "says no"])
def test_given_refreshes_that_fail_when_it_is_the_second_in_a_row_then_the_venue_is_paused(trouble: str) -> None:
    """One alone is said and nothing more; after a person lifted the halt the next failure raises it again."""

    async def story(_node: Node, venue: Switched, shell: Shell) -> None:
        halts = shell.state.halts
        await asyncio.sleep(1)
        venue.trouble = trouble
        await asyncio.sleep(10 + 5)  # one has failed, even one that hung
        venue.trouble = ""
        await asyncio.sleep(10)
        assert halts.all() == ()
        venue.trouble = trouble
        await asyncio.sleep(20)
        (halt,) = halts.all()
        assert (halt.scope, halt.level, halt.reason) == ("venue:sim", HaltLevel.PAUSE, Reason.HALT_DEAD_MAN)
        shell.command(Verb.RESUME, "somebody", "venue:sim")
        assert halts.all() == ()
        await asyncio.sleep(10)
        assert [halt.level for halt in halts.all()] == [HaltLevel.PAUSE]
        venue.trouble = ""
        await asyncio.sleep(30)
        assert len(halts.all()) == 1, "a halt is lifted by a person"

    _, notices = in_world(story)
    assert [notice.text.partition(":")[0] for notice in notices if notice.what == "dead_man"] == [
        "not refreshed (1 in a row)",
        "not refreshed (1 in a row)",
        "not refreshed (2 in a row)",
        "not refreshed (3 in a row)",
    ]


@pytest.mark.parametrize(("ttl_s", "caps"), [(0.0, {}), (TTL_S, {"dead_man_ns": 0})])
def test_given_no_switch_when_a_run_starts_then_nobody_asks_for_one(ttl_s: float, caps: dict[str, int]) -> None:
    """Switched off, or not offered."""

    async def story(_node: Node, _venue: Switched, _shell: Shell) -> None:
        await asyncio.sleep(60)

    venue, _ = in_world(story, ttl_s, **caps)
    assert venue.asked == []
