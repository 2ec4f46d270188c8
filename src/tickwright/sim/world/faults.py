"""What can go wrong on the network, as data: rates that a seed draws from, and single faults at an exact time. Pure.

A fault that was drawn is written down as a single fault of the one connection it befell, so that a run can be played again from
the list, and the list made shorter until only what matters is left. Each kind of each connection has a stream of chance of its
own: one rate more or less does not move the others.
"""

from __future__ import annotations

import enum

import msgspec

from tickwright.base.chance import Chance

_NS_PER_S = 1_000_000_000
_HOUR_NS = 3_600 * _NS_PER_S


class NetFaultKind(enum.Enum):
    """``seconds`` is how long it lasts."""

    # to a host: what is asked of it meanwhile
    DNS_FAILS = "dns_fails"  # its name is not found
    REFUSED = "refused"  # a connection is refused
    HANGS = "hangs"  # a connection is neither made nor refused
    TLS_FAILS = "tls_fails"  # a connection is made, and then there is no agreeing on a cipher or a certificate
    # to a connection
    RESET = "reset"  # both ends are told that it is broken; the message under way is cut short
    CLOSED = "closed"  # the far end is closed in order, by a box in between: the client sees an end
    HALF_OPEN = "half_open"  # nothing passes any more, either way, and nobody is told; ``seconds`` does not matter
    SILENCE = "silence"  # the same for a while: then everything arrives
    REPLIES_LOST = "replies_lost"  # nothing passes to the client for a while, then the connection is broken
    REQUESTS_LOST = "requests_lost"  # nothing passes to the server for a while, then the connection is broken
    DRIP = "drip"  # ``value`` bytes a second, each way
    SPIKE = "spike"  # everything takes ``value`` seconds longer
    CHOKED = "choked"  # the server reads nothing: what the client sends piles up


#: Faults of a host; all others are a connection's.
OF_HOST = frozenset({NetFaultKind.DNS_FAILS, NetFaultKind.REFUSED, NetFaultKind.HANGS, NetFaultKind.TLS_FAILS})


class NetFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. ``at_s``: seconds since the world began, and at once if that is past.

    Of a host: what it is asked for in ``seconds`` from then on; or, with ``link``, the one attempt of that number. Of a
    connection: the one with the number ``link``, else every one that is open then, leads to ``host`` (empty: any) and whose first
    line has ``on`` in it.
    """

    kind: NetFaultKind
    at_s: float = 0.0
    host: str = ""
    on: str = ""
    link: int | None = None
    seconds: float = 1.0
    value: float = 1.0


class NetFaults(msgspec.Struct, frozen=True, kw_only=True):
    """The network: how long messages take, in which pieces they arrive, and how often what goes wrong.

    ``…_share``: of attempts to connect. ``…_per_hour``: of one connection. ``…_s``: how long it lasts, on average.
    """

    latency_ms_min: float = 1.0
    latency_ms_mean: float = 5.0
    dns_ms_mean: float = 5.0
    split_share: float = 0.05  # of messages that arrive in pieces
    pieces_max: int = 4
    merge_share: float = 0.05  # of messages that arrive together with the one before
    dns_fails_share: float = 0.0
    refused_share: float = 0.0
    hangs_share: float = 0.0
    tls_fails_share: float = 0.0
    reset_per_hour: float = 0.0
    closed_per_hour: float = 0.0
    half_open_per_hour: float = 0.0
    silence_per_hour: float = 0.0
    silence_s: float = 3.0
    replies_lost_per_hour: float = 0.0
    replies_lost_s: float = 8.0
    requests_lost_per_hour: float = 0.0
    requests_lost_s: float = 8.0
    drip_per_hour: float = 0.0
    drip_s: float = 10.0
    drip_bytes_per_s: float = 100.0
    spike_per_hour: float = 0.0
    spike_s: float = 2.0
    spike_extra_s: float = 1.0
    choked_per_hour: float = 0.0
    choked_s: float = 8.0

    def __post_init__(self) -> None:
        assert 0 <= self.latency_ms_min <= self.latency_ms_mean, "the mean is no less than the least"
        for name in self.__struct_fields__:
            assert getattr(self, name) >= 0, f"{name} is negative"

    def calm(self) -> NetFaults:
        """The same network, on which nothing goes wrong any more."""
        return msgspec.structs.replace(self, **{name: 0.0 for name in self.__struct_fields__ if _is_rate(name)})


def _is_rate(name: str) -> bool:
    return name.endswith("_per_hour") or name in ("dns_fails_share", "refused_share", "hangs_share", "tls_fails_share")


class Troubles:
    """Draws what befalls each attempt and each connection."""

    def __init__(self, seed: str, faults: NetFaults) -> None:
        self._seed = seed
        self.faults = faults

    def of_attempt(self, kind: NetFaultKind, number: int, at_s: float, host: str) -> NetFault | None:
        """Whether a fault befalls an attempt to find or to connect to a host."""
        faults = self.faults
        shares = {
            NetFaultKind.DNS_FAILS: faults.dns_fails_share,
            NetFaultKind.REFUSED: faults.refused_share,
            NetFaultKind.HANGS: faults.hangs_share,
            NetFaultKind.TLS_FAILS: faults.tls_fails_share,
        }
        share = shares[kind]
        if share and self._chance(number, kind).happens(share):
            return NetFault(kind=kind, at_s=at_s, host=host, link=number, seconds=0.0)
        return None

    def of_link(self, link: int, kind: NetFaultKind, count: int, now_ns: int, host: str) -> NetFault | None:
        """The ``count``-th fault of a kind on a connection that stands at ``now_ns``; None when there is none to come."""
        per_hour, seconds, value = self._rate(kind)
        if not per_hour:
            return None
        chance = self._chance(link, kind, count)
        at_ns = now_ns + int(chance.exponential(_HOUR_NS / per_hour))
        lasts_s = chance.exponential(seconds) if seconds else 0.0
        return NetFault(kind=kind, at_s=at_ns / _NS_PER_S, host=host, link=link, seconds=lasts_s, value=value)

    def _chance(self, link: int, kind: NetFaultKind, count: int = 0) -> Chance:
        return Chance(f"{self._seed}:{link}:{kind.value}:{count}")

    def _rate(self, kind: NetFaultKind) -> tuple[float, float, float]:
        """How often an hour, for how long on average, and how strongly."""
        faults = self.faults
        rates = {
            NetFaultKind.RESET: (faults.reset_per_hour, 0.0, 0.0),
            NetFaultKind.CLOSED: (faults.closed_per_hour, 0.0, 0.0),
            NetFaultKind.HALF_OPEN: (faults.half_open_per_hour, 0.0, 0.0),
            NetFaultKind.SILENCE: (faults.silence_per_hour, faults.silence_s, 0.0),
            NetFaultKind.REPLIES_LOST: (faults.replies_lost_per_hour, faults.replies_lost_s, 0.0),
            NetFaultKind.REQUESTS_LOST: (faults.requests_lost_per_hour, faults.requests_lost_s, 0.0),
            NetFaultKind.DRIP: (faults.drip_per_hour, faults.drip_s, faults.drip_bytes_per_s),
            NetFaultKind.SPIKE: (faults.spike_per_hour, faults.spike_s, faults.spike_extra_s),
            NetFaultKind.CHOKED: (faults.choked_per_hour, faults.choked_s, 0.0),
        }
        return rates[kind]
