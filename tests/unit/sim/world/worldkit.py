"""A strategy at work in a world: what several tests begin with."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from tickwright import Strategy, bars, ema, param
from tickwright.base.secret import Secret
from tickwright.journal.writer import Durability
from tickwright.model.effect import Notice
from tickwright.risk.limits import Limits
from tickwright.run.record import Recording
from tickwright.run.session import Plan, Session
from tickwright.sim.stands.binance_spot import BinanceSpotStand, StandConfig
from tickwright.sim.world import DiskFaults, NetFaults, Node, Survival, World, serve_stand
from tickwright.venues.binance_spot import Adapter
from tickwright.venues.kit import VenueConfig

WILD = NetFaults(
    reset_per_hour=120,
    closed_per_hour=60,
    half_open_per_hour=30,
    silence_per_hour=120,
    replies_lost_per_hour=60,
    requests_lost_per_hour=60,
    spike_per_hour=120,
    drip_per_hour=60,
    choked_per_hour=60,
    refused_share=0.2,
    dns_fails_share=0.1,
    hangs_share=0.05,
    tls_fails_share=0.05,
)
#: Blocks that were not synced and reached the platter out of order are no torn end: the journal stops there and wants a person.
DISK = DiskFaults(survivals=tuple(one for one in Survival if one is not Survival.REORDERED))
LIMITS = Limits(max_order_value=Decimal(10_000), max_order_qty=Decimal(10), max_position=Decimal(10))


class Cross(Strategy):
    """As examples/02_ema_cross.py, on shorter bars."""

    fast = bars("15 ticks").close >> ema(3)
    slow = bars("15 ticks").close >> ema(8)
    size = param("0.01", unit="BTC")

    def decide(self) -> None:
        self.target(self.size if self.fast.value > self.slow.value else 0)


def make_stand(seed: int, **settings: Any) -> BinanceSpotStand:
    """A stand whose market has about twenty events a second."""
    return BinanceSpotStand(StandConfig(seed=seed, symbols=("BTCUSDT",), pace_ms=100.0, **settings))


def make_session(
    client: Node, base: str, stand: BinanceSpotStand, seconds: float | None, on_notice: Callable[[Notice], None] | None = None
) -> Session:
    """The real session with the real adapter, to a stand at ``base``."""
    about = stand.about(base)
    config = VenueConfig(
        rest_url=about["rest_url"],
        ws_url=about["ws_url"],
        ws_api_url=about["ws_api_url"],
        key=about["api_key"],
        secret=Secret(about["api_secret"].encode()),
    )
    venue = Adapter(config, client.clock, client.chance)
    plan = Plan(strategy=Cross, params={}, venue=venue, symbols=["BTC/USDT"], limits=LIMITS, seconds=seconds)
    return Session(plan, client.clock, on_notice)


class Outcome:
    """What came of a run."""

    def __init__(self, session: Session, stand: BinanceSpotStand, world: World, notices: list[Notice]) -> None:
        self.state = stand.state()
        self.fills: Any = self.state["fills"]
        self.clean = session.shell.stopped is not None and session.shell.stopped.clean
        self.notices = [notice.what for notice in notices]
        self.happened = [fault.kind for fault in world.network.happened]
        self.digest = world.digest()
        self.steps = world.scheduler.steps


def trade(
    seed: int,
    seconds: float,
    *,
    faults: NetFaults = NetFaults(),  # noqa: B008 (frozen data)
    prepare: Callable[[World, BinanceSpotStand], None] = lambda *_: None,
    **settings: Any,
) -> Outcome:
    """Trade for so long against a stand."""
    stand, notices = make_stand(seed, **settings), []
    with World(seed, faults=faults) as world:
        venue, client = world.node("venue"), world.node("client")
        base = serve_stand(venue, stand)
        prepare(world, stand)

        async def trading() -> Session:
            session = make_session(client, base, stand, seconds, notices.append)
            await session.prepare()
            await session.run()
            return session

        session = world.run(client, trading(), limit_s=seconds + 120)
        return Outcome(session, stand, world, notices)


def record(session: Session, node: Node) -> Session:
    """Have a session write its journal to the node's disk."""
    session.plan.recording = Recording(
        Path("/journal"), "binance_spot", Durability.POWER, disk=node.disk, background=lambda work: work()
    )
    return session


def hard_life(seed: int) -> str:
    """A run with everything that can befall it, killed twice, on a machine with a poor clock; its digest at the end."""
    stand = make_stand(seed)
    with World(seed, faults=WILD) as world:
        venue = world.node("venue", wall_ahead_ns=40_000_000)
        client = world.node("client", wall_ahead_ns=-30_000_000, drift_ppm=30, disk=DISK)
        base = serve_stand(venue, stand)

        async def trading(seconds: float | None) -> None:
            session = record(make_session(client, base, stand, seconds), client)
            await session.prepare()
            await session.run()

        for power in (False, True):
            client.start(trading(None))
            world.advance(40)
            client.freeze(7)
            world.advance(20)
            client.clock.step(50_000_000)
            world.advance(20)
            world.crash(client, power=power)
            world.advance(5)
            world.restart(client)
        world.network.change(WILD.calm())
        world.run(client, trading(60), limit_s=240)
        assert len(world.network.happened) > 10
        return world.digest()
