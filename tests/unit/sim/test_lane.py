"""A lane delays and never reorders."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.sim.lane import Lane
from tickwright.sim.latency import ConstantLatency
from unit.sim.manual import ManualSchedule


class Listed:
    """A latency that says what it is told to."""

    def __init__(self, delays: list[int]) -> None:
        self.delays = delays

    def delay_ns(self, now_ns: int) -> int:
        return self.delays.pop(0)


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 20_000)), max_size=30))
def test_given_any_delays_when_messages_are_sent_then_they_arrive_in_order_and_not_early(messages) -> None:
    """First in, first out, whatever the delays; nobody before his time, everybody in the end."""
    schedule = ManualSchedule()
    arrived: list[int] = []
    sent: list[tuple[int, int]] = []

    def deliver(number: int, waited_ns: int) -> None:
        arrived.append(number)
        at, delay = sent[number]
        assert schedule.clock.mono >= at + delay - 1_000
        assert waited_ns == schedule.clock.mono - at

    lane = Lane(deliver, Listed([delay for delay, _ in messages]), schedule.clock, schedule)
    for number, (delay, pause) in enumerate(messages):
        sent.append((schedule.clock.mono, delay))
        lane.send(number)
        schedule.advance(pause)
    schedule.advance(10**9)
    assert arrived == list(range(len(messages)))


def test_given_no_delay_when_sent_then_it_arrives_within_the_call_and_after_close_never() -> None:
    """Zero latency costs nothing; a closed lane loses what is under way."""
    schedule = ManualSchedule()
    arrived: list[tuple[str, int]] = []
    lane: Lane[str] = Lane(
        lambda text, waited: arrived.append((text, waited)), Listed([0, 5_000, 0, 0]), schedule.clock, schedule
    )
    lane.send("now")
    lane.send("later")
    lane.send("behind it")
    assert arrived == [("now", 0)]
    schedule.advance(5_000)
    assert [text for text, _ in arrived] == ["now", "later", "behind it"]
    other: Lane[str] = Lane(lambda text, waited: arrived.append((text, waited)), ConstantLatency(10), schedule.clock, schedule)
    other.send("lost")
    other.close()
    other.send("lost too")
    schedule.advance(100)
    assert len(arrived) == 3
