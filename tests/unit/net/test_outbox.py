"""What waits to be sent: lanes, pace, bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickwright.base.clock import NS_PER_S
from tickwright.net.outbox import Outbox


def drain(box: Outbox, now: int) -> list[object]:
    """Everything that may go at that moment, in its order."""
    out: list[object] = []
    if (pong := box.pong(now)) is not None:
        out.append(("pong", pong))
    while (payload := box.message(now)) is not None:
        out.append(payload)
    return out


def test_given_messages_of_both_lanes_when_they_go_then_urgent_ones_go_first_and_in_their_order() -> None:
    """An order placed before a cancel stays before it, and both pass a subscription."""
    box = Outbox(1_000, 10, 100)
    for payload, urgent in (("sub 1", False), ("place", True), ("sub 2", False), ("cancel", True)):
        assert box.put(payload, urgent=urgent)
    assert drain(box, 0) == ["place", "cancel", "sub 1", "sub 2"]


def test_given_a_waiting_urgent_message_when_another_comes_then_it_does_not_overtake() -> None:
    """A token that comes back belongs to the one that waits."""
    box = Outbox(1, 1, 100)
    assert box.may_write(0, urgent=True)
    assert not box.may_write(0, urgent=True)
    box.put("first", urgent=True)
    assert not box.may_write(NS_PER_S, urgent=True)
    assert drain(box, NS_PER_S) == ["first"]


def test_given_waiting_ordinary_messages_when_an_urgent_one_comes_then_it_takes_the_next_token() -> None:
    """Cancels are not held up by a hundred subscriptions."""
    box = Outbox(1, 1, 100)
    box.put("sub", urgent=False)
    assert not box.may_write(0, urgent=False)
    assert box.may_write(0, urgent=True)


def test_given_two_pings_that_could_not_be_answered_when_there_is_room_then_only_the_latest_is() -> None:
    """One pong answers all pings before it, and goes before everything else."""
    box = Outbox(1, 2, 100)
    box.put("place", urgent=True)
    box.put_pong(b"1")
    box.put_pong(b"2")
    assert drain(box, 0) == [("pong", b"2"), "place"]


def test_given_full_lanes_when_more_comes_then_it_is_refused_and_the_other_lane_is_not_touched() -> None:
    """Each lane has its own bound."""
    box = Outbox(1, 1, 2)
    assert [box.put(str(n), urgent=False) for n in range(3)] == [True, True, False]
    assert [box.put(str(n), urgent=True) for n in range(3)] == [True, True, False]
    assert box.pending == 4
    assert box.clear() == 4
    assert box.pending == 0


def test_given_the_other_end_does_not_take_anything_when_blocked_then_nothing_goes_and_nothing_waits_for_time() -> None:
    """No timer spins while the socket is full."""
    box = Outbox(1, 1, 2)
    box.blocked = True
    box.put("x", urgent=True)
    assert not box.may_write(0, urgent=True)
    assert not box.spend(0)
    assert drain(box, 0) == []
    assert box.wait_ns(0) is None
    box.blocked = False
    assert box.wait_ns(0) == 0
    assert drain(box, 0) == ["x"]


sends = st.lists(st.tuples(st.integers(0, NS_PER_S // 2), st.sampled_from(["ordinary", "urgent", "pong", "ping"])), max_size=120)


@given(sends, st.integers(1, 5))
def test_given_any_sends_when_they_leave_then_no_second_sees_more_than_the_pace_pings_and_pongs_included(steps, pace) -> None:
    """A venue that counts five messages a second counts all of them; within a lane nothing overtakes and nothing is lost."""
    box = Outbox(pace, pace, 1_000)
    now, left, asked = 0, [], []
    at: list[int] = []

    def went(items: list[object]) -> None:
        left.extend(item for item in items if isinstance(item, str))
        at.extend([now] * len(items))

    for n, (step, kind) in enumerate(steps):
        now += step
        went(drain(box, now))
        if kind == "ping":
            at.extend([now] * box.spend(now))
        elif kind == "pong":
            if box.spend(now):
                at.append(now)
            else:
                box.put_pong(b"")
        else:
            text = f"{kind} {n}"
            asked.append(text)
            if box.may_write(now, urgent=kind == "urgent"):
                went([text])
            else:
                box.put(text, urgent=kind == "urgent")
    while box.pending:
        now += box.wait_ns(now) or 0
        went(drain(box, now))
    assert all(sum(start <= t < start + NS_PER_S for t in at) <= pace for start in at)
    for kind in ("ordinary", "urgent"):
        assert [text for text in left if text.startswith(kind)] == [text for text in asked if text.startswith(kind)]
