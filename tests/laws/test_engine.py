"""Laws of the whole engine, over any story: what is asked of one room is checked in that room's tests.

Elsewhere: the gate is monotone (unit/risk/test_gate.py); halts as a ladder (unit/risk/test_halts.py); recovering twice from a state
(unit/engine/test_carry.py); store and ledger against a venue that repeats and reorders (unit/orders/test_store_and_ledger.py).
"""

from __future__ import annotations

import random
from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from laws.story import MARKET, PEOPLE, REST, VENUE, Follower, Story, again, known, sent, told, words, words_and_people
from tickwright.engine.step import step
from tickwright.model.account import Balance
from tickwright.model.effect import Amend, Cancel, Effect, Submit
from tickwright.model.event import Command, Verb
from tickwright.model.order import Fill, NewOrder, OrderReport
from tickwright.risk.halts import ACCOUNT, HaltLevel
from unit.engine.world import BTC, World

stories = st.lists(words, max_size=40)
stories_with_people = st.lists(words_and_people, max_size=40)
#: What a venue may say twice. (Outcomes are our own word on a request: each has exactly one, and a second is a defect that halts.)
REPEATED = (Fill, OrderReport, Balance)


def encoded(steps: list[list[Effect]]) -> list[bytes]:
    return [msgspec.json.encode(effects) for effects in steps]


@given(stories_with_people)
def test_given_any_story_when_its_events_are_fed_again_then_every_effect_is_the_same(told_words: list[str]) -> None:
    """There is no other input: replay reproduces decisions byte for byte."""
    story = told(told_words)
    _, effects = again([event for event, _ in story.fed])
    assert encoded(effects) == encoded([effects for _, effects in story.fed])


@given(stories_with_people, stories_with_people, st.integers(0, 40))
def test_given_two_stories_with_one_beginning_when_they_part_then_nothing_before_that_differs(
    one: list[str], other: list[str], place: int
) -> None:
    """Causality: events after a time never change decisions at or before it."""
    place = min(place, len(one))
    beginning = len(told(one[:place]).fed)
    changed = told([*one[:place], *other])
    whole = told(one)
    assert encoded([effects for _, effects in changed.fed[:beginning]]) == encoded(
        [effects for _, effects in whole.fed[:beginning]]
    )


@given(stories, st.lists(st.integers(1, 3), min_size=1, max_size=20))
def test_given_any_story_when_the_venue_repeats_itself_then_nothing_is_counted_or_sent_twice(
    told_words: list[str], times: list[int]
) -> None:
    """Every event of the account comes once to three times: the same orders leave, the same money is there."""
    story = told(told_words)
    world = World(Follower())
    effects: list[Effect] = []
    for number, (event, _) in enumerate(story.fed):
        repeated = times[number % len(times)] if isinstance(event, REPEATED) else 1
        for _ in range(repeated):
            effects += step(world.state, event)
    assert [effect.order for effect in sent(effects)] == [effect.order for effect in sent(story.effects)]
    assert known(world) == known(story)
    assert world.state.counters.fills == story.state.counters.fills


@given(stories, st.integers(0, 10))
def test_given_any_story_when_an_old_event_comes_again_at_the_end_then_nothing_changes(told_words: list[str], which: int) -> None:
    """A fill or a report that was delivered long ago: the other of two connections was slower."""
    story = told(told_words)
    old = [event for event, _ in story.fed if isinstance(event, Fill | OrderReport)]
    if not old:
        return
    before = known(story)
    later = story.feed(old[which % len(old)])
    assert sent(later) == []
    assert known(story) == before


@given(stories_with_people)
def test_given_any_story_when_a_step_is_done_then_no_name_has_two_orders_and_no_order_got_two_requests(
    told_words: list[str],
) -> None:
    """The planner never emits two actions for a key; a name whose order is in flight is occupied."""
    story = Story()
    for word in told_words:
        before = len(story.fed)
        story.tell(word)
        for _, effects in story.fed[before:]:
            asked = Counter(_about(effect) for effect in effects if isinstance(effect, Submit | Cancel | Amend))
            assert not asked or max(asked.values()) == 1, effects
        names = Counter(
            (order.order.strategy, order.key, order.order.name)
            for order in story.state.orders.open_orders()
            if order.order.name and not order.replaces
        )
        assert not names or max(names.values()) == 1, names


def _about(effect: Submit | Cancel | Amend) -> str:
    return effect.order.client_id if isinstance(effect, Submit) else effect.ref.client_id


@given(stories_with_people)
def test_given_any_story_when_plans_are_carried_out_then_planning_again_does_nothing(told_words: list[str]) -> None:
    """Whatever happened: once the venue has answered everything and the market stands still, the engine falls silent."""
    story = told([word for word in told_words if word not in ("pause", "pull", "reduce")])
    for _ in range(60):
        before = story.state.seq
        for word in ("up", "accept", "cancelled", "amended", "tick", "price 2"):
            story.tell(word)
        if all(order.request.name == "NONE" and not order.doubt for order in story.state.orders.open_orders()):
            quiet = [effects for event, effects in story.fed if not isinstance(event, Command)][-(story.state.seq - before) :]
            if not any(isinstance(effect, Submit | Cancel | Amend) for effects in quiet for effect in effects):
                return
    raise AssertionError([repr(order) for order in story.state.orders.open_orders()])


@given(stories_with_people)
def test_given_any_story_when_halted_then_nothing_that_adds_risk_leaves_until_a_person_acts(told_words: list[str]) -> None:
    """The halt is absorbing, in the step of the halt as well; only a person's word moves it down."""
    story = Story()
    for word in told_words:
        level = max((halt.level for halt in story.state.halts.all()), default=HaltLevel.RUN)
        before = len(story.fed)
        story.tell(word)
        for event, effects in story.fed[before:]:
            for effect in sent(effects):
                assert level < HaltLevel.PAUSE, f"sent while {level.name}: {effect}"
                assert level < HaltLevel.REDUCE or _reduces(story, effect.order), f"adds risk while reducing only: {effect}"
            if not (isinstance(event, Command) and event.verb is Verb.RESUME):
                raised = {halt.scope: halt.level for halt in story.state.halts.all()}
                assert raised.get(ACCOUNT, HaltLevel.RUN) >= _raised_by(story, before), "a halt went down by itself"


def _reduces(story: Story, order: NewOrder) -> bool:
    position = story.state.position_units(BTC.key)
    return position * order.side.sign < 0 and order.qty <= abs(position)


def _raised_by(story: Story, until: int) -> HaltLevel:
    """What people asked for since they last resumed, up to a place in the story."""
    level = HaltLevel.RUN
    for event, _ in story.fed[:until]:
        if isinstance(event, Command):
            asked = {Verb.REDUCE: HaltLevel.REDUCE, Verb.PAUSE: HaltLevel.PAUSE, Verb.PULL: HaltLevel.PULL}.get(event.verb)
            level = HaltLevel.RUN if event.verb is Verb.RESUME else max(level, asked or HaltLevel.RUN)
    return level


def test_given_enough_stories_when_counted_then_they_have_what_the_laws_are_about() -> None:
    """A law over stories in which nothing happens holds for nothing."""
    chance = random.Random(7)
    pool = (*MARKET, *MARKET, *VENUE, *REST, *PEOPLE)
    met: Counter[str] = Counter()
    for _ in range(60):
        story = told([chance.choice(pool) for _ in range(40)])
        met.update(type(effect).__name__ for effect in story.effects)
        met["fills"] += story.state.counters.fills
    assert min(met[name] for name in ("Submit", "Cancel", "Amend", "Find", "HaltChanged", "fills")) >= 15, met
