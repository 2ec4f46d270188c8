"""Event and Effect are closed unions that can be written and read back without loss: the journal depends on it."""

from __future__ import annotations

import enum
from decimal import Decimal
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickwright.model.effect import Effect
from tickwright.model.event import Event
from tickwright.model.instrument import Instrument

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


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(10**40), 10**40),
    str: st.text(max_size=8),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}
POSITIVE = st.integers(1, 10**12)
GRID = {"price_exp": st.integers(0, 9), "qty_exp": st.integers(0, 9), "tick_units": POSITIVE, "lot_units": POSITIVE}


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation as the nouns use them."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([of(item) for item in args])
    if origin is list:
        return st.lists(of(args[0]), max_size=3)
    if origin is tuple:
        return st.lists(of(args[0]), max_size=3).map(tuple) if args[-1] is ... else st.tuples(*map(of, args))
    if issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    fields = {field.name: of(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **(fields | GRID if kind is Instrument else fields))


@pytest.mark.parametrize("union", [Event, Effect])
def test_given_any_value_of_a_union_when_written_and_read_back_then_it_is_equal(union: Any) -> None:
    """Encode then decode is the identity, big amounts and all."""
    decoder = msgspec.json.Decoder(union)

    @given(of(union))
    def law(value: Any) -> None:
        assert decoder.decode(msgspec.json.encode(value)) == value

    law()
