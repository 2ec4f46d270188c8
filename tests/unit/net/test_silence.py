"""The age of data: armed at once, learned from its own pauses, blind to time in which nobody looked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.clock import NS_PER_S
from tickwright.net.silence import Watchdog

EVERY_S = 0.25


class Rig:
    """A watchdog that is looked at every quarter of a second of a made-up clock."""

    def __init__(self, factor: float = 3.0) -> None:
        self.now = 0
        self.dog = Watchdog(factor, EVERY_S, 0)

    def run(self, seconds: float, data_every_s: float | None = None, name: str = "book") -> float | None:
        """Look until something is silent; after how long, if so."""
        start = self.now
        next_data = self.now + int((data_every_s or 1e9) * NS_PER_S)
        while self.now - start < seconds * NS_PER_S:
            self.now += int(EVERY_S * NS_PER_S)
            while data_every_s is not None and next_data <= self.now:
                self.dog.watches[name].seen += 1
                next_data += int(data_every_s * NS_PER_S)
            if name in self.dog.look(self.now):
                return (self.now - start) / NS_PER_S
        return None


def test_given_a_subscription_that_never_starts_when_the_ceiling_is_reached_then_it_is_silent() -> None:
    """Armed at subscribe, not at the first message."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    after = rig.run(20)
    assert after is not None
    assert 9.0 <= after <= 10.0


def test_given_a_busy_stream_when_it_stops_then_it_is_silent_after_the_floor() -> None:
    """Three times a short interval is less than the floor, which holds."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    assert rig.run(60, 0.1) is None
    after = rig.run(20)
    assert after is not None
    assert 1.0 <= after <= 2.0


def test_given_a_stream_of_one_a_second_when_it_stops_then_three_of_its_intervals_are_waited_for() -> None:
    """The limit is learned."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    assert rig.run(60, 1.0) is None
    after = rig.run(20)
    assert after is not None
    assert 2.25 <= after <= 3.25


@given(st.floats(0.05, 30.0), st.floats(0.5, 4.0), st.floats(0.0, 20.0))
def test_given_any_interval_when_data_stops_then_it_is_noticed_within_the_ceiling(interval_s, floor_s, more_s) -> None:
    """INV-30: silence is noticed within its bound, whatever was learned."""
    rig = Rig()
    rig.dog.arm("book", floor_s, floor_s + more_s, 0)
    rig.run(100, interval_s)
    rig.dog.watches["book"].seen += 1
    after = rig.run(floor_s + more_s + 1)
    assert after is not None
    limit_s = floor_s + more_s
    # Promised from eight looks up; below that the looks are too far apart to be sure of more than two of them.
    assert after <= (limit_s if limit_s >= 8 * EVERY_S else limit_s + 2 * EVERY_S)


def test_given_a_quiet_stream_when_it_is_armed_with_its_own_limits_then_they_hold() -> None:
    """A stream of one a minute does not need to be reconnected every ten seconds."""
    rig = Rig()
    rig.dog.arm("bars", 70.0, 130.0, 0)
    assert rig.run(600, 60.0, "bars") is None


def test_given_two_subscriptions_when_only_one_has_data_then_only_the_other_is_silent() -> None:
    """Data of one subscription says nothing about another: alive but mute is noticed."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    rig.dog.arm("trades", 2.0, 10.0, 0)
    found: list[str] = []
    while not found:
        rig.now += int(EVERY_S * NS_PER_S)
        rig.dog.watches["book"].seen += 1
        found = rig.dog.look(rig.now)
    assert found == ["trades"]


def test_given_a_silence_when_it_was_acted_upon_then_there_is_one_more_period_and_it_is_remembered() -> None:
    """Rearmed once; data makes it an ordinary watch again."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    rig.run(20)
    watch = rig.dog.watches["book"]
    watch.rearm(rig.now)
    assert rig.run(8) is None
    assert watch.nudged
    assert rig.run(5, 0.1) is None
    assert not watch.nudged


def test_given_the_process_slept_when_it_looks_again_then_the_time_asleep_is_no_silence() -> None:
    """After a pause of thirty seconds the socket may be full of data that nobody has read."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    rig.run(10, 0.1)
    rig.now += 30 * NS_PER_S
    assert rig.dog.look(rig.now) == []
    after = rig.run(20)
    assert after is not None
    assert after <= 2.0


def test_given_data_when_ages_are_asked_for_then_they_count_from_the_look_that_saw_it() -> None:
    """What the table shows."""
    rig = Rig()
    rig.dog.arm("book", 2.0, 10.0, 0)
    rig.run(1.0, 0.5)
    assert rig.dog.ages_s(rig.now + NS_PER_S) == {"book": 1.0}
