"""Clearing an account through the real adapter against a stand, in virtual time, with parts of the venue down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tickwright.base.chance import Chance
from tickwright.base.clock import NS_PER_S
from tickwright.base.ids import made_here
from tickwright.base.secret import Secret
from tickwright.model.market import BUY, SELL
from tickwright.model.order import Accepted, NewOrder, OrderReport, OrderType, Tif
from tickwright.run.config import parse_config
from tickwright.run.guard import fence_ns, ways_of
from tickwright.run.secrets import Credentials
from tickwright.run.sweep import Cleared, Sweep, Way
from tickwright.sim.faults import Fault, FaultKind
from tickwright.sim.stands.binance_spot import BinanceSpotStand
from tickwright.sim.world import NetFaults, Node, World, serve_stand
from tickwright.venues.binance_spot.rules import CAPS
from unit.run.accountkit import FOREIGN, OURS
from unit.sim.world.worldkit import WILD, make_stand

KEY = "binance_spot:BTC/USDT"
FENCE_S = fence_ns(CAPS) / NS_PER_S
FOR_EVER = 1_000_000
Wanted = Callable[[OrderReport], bool]


class Scene:
    """A stand, somebody who placed orders on it, and whoever is outside."""

    def __init__(self, world: World, stand: BinanceSpotStand) -> None:
        self.world = world
        self.stand = stand
        self.node = world.node("outside")
        venue = world.node("venue")
        base = serve_stand(venue, stand)
        self.section = {"rest_url": f"http://{base}", "ws_url": f"ws://{base}", "ws_api_url": f"ws://{base}/ws-api/v3"}
        world.run(self.node, self._place(), limit_s=60)

    def ways(self, node: Node, **section: Any) -> tuple[Way, ...]:
        about = self.stand.about("nowhere")
        config = parse_config({"venues": {"binance_spot": {**self.section, **section}}}, "test")
        keys = Credentials(about["api_key"], Secret(about["api_secret"]), "test")
        return ways_of(config, "binance_spot", "mainnet", keys, node.clock, Chance(3))

    async def _place(self) -> None:
        way, spare = self.ways(self.node)
        venue: Any = way.venue
        await venue.open()
        (item,) = await venue.instruments()
        market = self.stand.markets["BTCUSDT"]
        low = max(market.bids) * 97 // 100 // item.tick_units * item.tick_units
        high = min(market.asks) * 103 // 100 // item.tick_units * item.tick_units

        def order(client_id: str, price: int | None, **more: Any) -> NewOrder:
            whole: dict[str, Any] = {
                "key": KEY, "client_id": client_id, "side": BUY, "type": OrderType.LIMIT, "qty": item.exact_qty_units("0.01"),
                "price": price, "stop": None, "tif": Tif.GTC, "post_only": False, "reduce_only": False,
            }  # fmt: skip
            return NewOrder(**{**whole, **more})

        for name in (OURS, FOREIGN):
            assert isinstance(await venue.submit(order(name, low)), Accepted)
        above = order("tw0abcde00-3", high, side=SELL, post_only=True)
        below = order("tw0abcde00-4", None, side=SELL, type=OrderType.STOP, stop=low)
        assert isinstance(await venue.submit_pair(above, below, "pair"), Accepted)
        await way.close()
        await spare.close()

    def fault(self, kind: FaultKind, on: str = "", **more: Any) -> None:
        self.stand.inject(Fault(kind=kind, on=on, **{"count": FOR_EVER, **more}))

    def working(self) -> list[str]:
        return sorted(item["clientOrderId"] for item in self.stand.state()["open_orders"])

    def swept(
        self,
        wanted: Wanted = lambda one: made_here(one.client_id),
        *,
        within_s: float | None = None,
        settle_s: float = FENCE_S,
        **options: Any,
    ) -> tuple[Cleared, float]:
        """What came of it, and how long it took."""

        async def story() -> tuple[Cleared, float]:
            ways: Sequence[Way] = self.ways(self.node, **options.pop("section", {}))
            began = self.node.clock.mono_ns()
            sweep = Sweep(ways, wanted, self.node.clock, Chance(4), settled_ns=began + int(settle_s * NS_PER_S), **options)
            await sweep.run(None if within_s is None else began + int(within_s * NS_PER_S))
            took = (self.node.clock.mono_ns() - began) / NS_PER_S
            cleared = await sweep.cleared()
            for way in ways:
                await way.close()
            return cleared, took

        return self.world.run(self.node, story(), limit_s=4_000)


def on_scene(story: Callable[[Scene], None], seed: int = 9, faults: NetFaults = NetFaults()) -> None:  # noqa: B008 (frozen data)
    """In a world that is quiet until the orders are placed."""
    with World(seed) as world:
        scene = Scene(world, make_stand(seed))
        world.network.change(faults)
        assert scene.working() == [FOREIGN, "tw0abcde00-1", "tw0abcde00-3", "tw0abcde00-4"]
        story(scene)


def ids(lines: Sequence[Any]) -> list[str]:
    return sorted(line.client_id for line in lines)


def test_given_a_venue_in_order_when_ours_are_cleared_then_pairs_go_too_and_others_stay() -> None:
    """One leg of a pair takes the other with it."""

    def story(scene: Scene) -> None:
        cleared, took = scene.swept()
        assert scene.working() == [FOREIGN]
        assert cleared.confirmed
        assert ids(cleared.cancelled) == ["tw0abcde00-1", "tw0abcde00-3", "tw0abcde00-4"]
        assert (cleared.ended, cleared.working, cleared.trouble) == ([], [], "")
        assert FENCE_S <= took < FENCE_S + 3
        assert {line.qty for line in cleared.cancelled} == {"0.01"}

    on_scene(story)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.UNKNOWN_NOT_EXECUTED, FaultKind.OVERLOADED])
def test_given_rest_down_when_everything_is_cleared_then_the_websocket_does_it(kind: FaultKind) -> None:
    """Orders and listings both go that way: also where REST takes requests and never answers."""

    def story(scene: Scene) -> None:
        scene.fault(kind, "/api/v3")
        cleared, took = scene.swept(lambda _: True, everything=True, keys=(KEY,), within_s=120)
        assert scene.working() == []
        assert cleared.confirmed, cleared.trouble
        assert ids(cleared.cancelled) == [FOREIGN, "tw0abcde00-1", "tw0abcde00-3", "tw0abcde00-4"]
        assert took < 60

    on_scene(story)


def test_given_rest_down_when_ours_are_cleared_then_the_websocket_does_it() -> None:
    """By each order's name."""

    def story(scene: Scene) -> None:
        scene.fault(FaultKind.DROP, "/api/v3")
        cleared, took = scene.swept(within_s=120)
        assert scene.working() == [FOREIGN]
        assert cleared.confirmed, cleared.trouble
        assert took < 60

    on_scene(story)


def test_given_the_websocket_down_when_ours_are_cleared_then_rest_does_it() -> None:
    """Nobody listens there."""

    def story(scene: Scene) -> None:
        cleared, took = scene.swept(section={"ws_api_url": "ws://venue:9/ws-api/v3"})
        assert scene.working() == [FOREIGN]
        assert cleared.confirmed
        assert took < FENCE_S + 3

    on_scene(story)


def test_given_no_list_of_instruments_when_an_instrument_is_named_then_its_orders_go_all_the_same() -> None:
    """The venue's name for it is guessed; amounts are left out."""

    def story(scene: Scene) -> None:
        scene.fault(FaultKind.UNKNOWN_NOT_EXECUTED, "exchangeInfo")
        scene.fault(FaultKind.DROP, "/api/v3/time")
        cleared, _ = scene.swept(lambda one: one.key == KEY, everything=True, keys=(KEY,), within_s=120)
        assert scene.working() == []
        assert cleared.confirmed, cleared.trouble
        assert {line.qty for line in cleared.cancelled} == {""}
        assert {line.symbol for line in cleared.cancelled} == {"BTC/USDT"}

    on_scene(story)


def test_given_answers_that_are_lost_when_ours_are_cleared_then_the_venues_list_decides() -> None:
    """The cancels were carried out, and nobody was told."""

    def story(scene: Scene) -> None:
        scene.fault(FaultKind.LOST_REPLY, "DELETE")
        scene.fault(FaultKind.LOST_REPLY, "cancel")
        cleared, _ = scene.swept(within_s=300)
        assert scene.working() == [FOREIGN]
        assert cleared.confirmed
        assert ids(cleared.cancelled) == ["tw0abcde00-1", "tw0abcde00-3", "tw0abcde00-4"]

    on_scene(story)


def test_given_a_symbol_that_is_misspelt_when_everything_is_cleared_then_it_is_not_called_done() -> None:
    """The venue says that it has no such symbol."""

    def story(scene: Scene) -> None:
        key = "binance_spot:BTC/USD"
        cleared, _ = scene.swept(lambda one: one.key == key, everything=True, keys=(key,), settle_s=0, within_s=60)
        assert not cleared.confirmed
        assert cleared.unknown_symbols == ["BTC/USD"]
        assert len(scene.working()) == 4

    on_scene(story)


def test_given_keys_that_are_revoked_when_everything_is_cleared_then_the_key_is_to_blame() -> None:
    """Not the network."""

    def story(scene: Scene) -> None:
        scene.fault(FaultKind.REVOKED, count=1)
        scene.world.advance(1)
        cleared, took = scene.swept(lambda _: True, everything=True, keys=(KEY,), give_up=True, within_s=60)
        assert not cleared.confirmed
        assert "-2015" in cleared.key_refused
        assert took < 10

    on_scene(story)


@pytest.mark.parametrize("seed", range(12))
def test_given_a_wild_network_when_ours_are_cleared_then_they_are_gone_in_the_end(seed: int) -> None:
    """Resets, silences, lost answers, names that are not found, connections that hang."""

    def story(scene: Scene) -> None:
        cleared, _ = scene.swept()
        assert scene.working() == [FOREIGN]
        assert cleared.confirmed
        assert ids([*cleared.cancelled, *cleared.ended]) == ["tw0abcde00-1", "tw0abcde00-3", "tw0abcde00-4"]
        assert {line.how for line in cleared.ended} <= {"unknown"}, "where it could not be asked how it ended, nobody says so"

    on_scene(story, seed, WILD)


def test_given_a_venue_that_bans_the_address_when_ours_are_cleared_then_it_is_waited_for() -> None:
    """Knocking while banned makes it longer: the ban is obeyed on both ways, and then it is done."""

    def story(scene: Scene) -> None:
        scene.fault(FaultKind.BANNED, count=1, value=90.0)
        before = len(scene.stand.state()["requests"])
        cleared, took = scene.swept()
        assert cleared.confirmed
        assert scene.working() == [FOREIGN]
        assert 90 <= took < 150
        assert len(scene.stand.state()["requests"]) - before < 40

    on_scene(story)
