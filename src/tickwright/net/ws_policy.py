"""How a websocket session behaves, as data; and what it counts."""

from __future__ import annotations

import msgspec

from tickwright.base.limits import (
    BACKOFF_CEILING_S,
    BACKOFF_FLOOR_S,
    BACKOFF_STABLE_S,
    CLOSE_DEADLINE_S,
    CONNECT_DEADLINE_S,
    FRAME_BYTES_MAX,
    OUTBOUND_QUEUE_MAX,
    SILENCE_CEILING_S,
    SILENCE_FACTOR,
    SILENCE_FLOOR_S,
)


class WsPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a session behaves. Every duration is in seconds; ``docs/connections.md`` says what each is for."""

    connect_deadline_s: float = CONNECT_DEADLINE_S
    close_deadline_s: float = CLOSE_DEADLINE_S
    #: A ping of ours after this long without any sign of life, and how long there may be none after it.
    ping_every_s: float = 10.0
    pong_deadline_s: float = 10.0
    #: How long the other end may leave what was written to it in our buffers.
    drain_deadline_s: float = 5.0
    silence_floor_s: float = SILENCE_FLOOR_S
    silence_ceiling_s: float = SILENCE_CEILING_S
    silence_factor: float = SILENCE_FACTOR
    check_every_s: float = 0.25
    backoff_floor_s: float = BACKOFF_FLOOR_S
    backoff_ceiling_s: float = BACKOFF_CEILING_S
    #: Backoff starts over after this long of being ready without a silence.
    stable_s: float = BACKOFF_STABLE_S
    connects_max: int = 150
    connects_window_s: float = 300.0
    #: No more than ``sends_burst`` messages in any ``sends_burst / sends_per_s`` seconds, pings and pongs included.
    sends_per_s: float = 4.0
    sends_burst: int = 4
    sends_waiting_max: int = OUTBOUND_QUEUE_MAX
    #: A connection is replaced at this age less a random part of the jitter.
    age_max_s: float = 23.5 * 3600
    age_jitter_s: float = 600.0
    ready_deadline_s: float = 30.0
    frame_bytes_max: int = FRAME_BYTES_MAX
    #: This many messages in a row that the handler cannot read, and the connection is made anew.
    garbage_streak_max: int = 100

    def __post_init__(self) -> None:
        assert self.check_every_s > 0, "there is no looking all the time"
        assert 0 < self.silence_floor_s <= self.silence_ceiling_s
        assert self.age_jitter_s <= self.age_max_s


class WsCounters:
    """What a display shows of a session. Counts only grow."""

    __slots__ = (
        "bytes",
        "connects",
        "failures",
        "frames",
        "garbage",
        "pings",
        "reconnects",
        "rotations",
        "silences",
        "unsent",
    )

    def __init__(self) -> None:
        self.connects = 0  # connections that were made
        self.reconnects = 0  # of those, made because one was lost
        self.rotations = 0  # of those, that took over in time
        self.failures = 0  # attempts that came to nothing
        self.frames = 0  # whole messages
        self.bytes = 0  # of their payload
        self.pings = 0  # of the other end
        self.silences = 0
        self.garbage = 0  # messages that the handler could not read
        self.unsent = 0  # messages that waited for their turn when the connection went
