"""Event and Effect are closed unions that can be written and read back without loss: the journal depends on it."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.effect import Effect
from tickwright.model.event import Event

EVENTS = get_args(Event)
EFFECTS = get_args(Effect)


@pytest.mark.parametrize("kinds", [EVENTS, EFFECTS])
def test_given_a_union_when_its_tags_are_listed_then_no_two_are_equal(kinds: tuple[type, ...]) -> None:
    """A record says which kind it is."""
    tags = [kind.__struct_config__.tag for kind in kinds]
    assert len(set(tags)) == len(tags)
    assert all(kind.__struct_config__.tag_field == "is" for kind in kinds)


@pytest.mark.parametrize("kind", [*EVENTS, *EFFECTS])
def test_given_a_kind_when_built_then_it_cannot_be_changed(kind: type) -> None:
    """What happened does not change afterwards."""
    assert kind.__struct_config__.frozen


def of(kinds: tuple[type, ...]) -> st.SearchStrategy[Any]:
    """Any value of a union, numbers within what a wire can carry."""
    return st.one_of([st.from_type(kind) for kind in kinds])


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.integers(-(10**40), 10**40))
st.register_type_strategy(str, st.text(max_size=8))


@pytest.mark.parametrize(("union", "kinds"), [(Event, EVENTS), (Effect, EFFECTS)])
def test_given_any_value_of_a_union_when_written_and_read_back_then_it_is_equal(union: Any, kinds: tuple[type, ...]) -> None:
    """Encode then decode is the identity, big amounts and all."""
    decoder = msgspec.json.Decoder(union)

    @given(of(kinds))
    def law(value: Any) -> None:
        assert decoder.decode(msgspec.json.encode(value)) == value

    law()
