"""A place reads back from its text, and knows which attempts are made there."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harness.words.place import NAMED, Place, PlaceKind

names = st.text(min_size=1, max_size=20) | st.sampled_from(["router", "a, tier 1", "stage x", "ROUTE stages", "a\nb"])


@given(st.sampled_from(NAMED), names, st.none() | st.integers(0, 40))
@example(PlaceKind.ROUTE, "a, tier 1", 0)
def test_a_place_reads_back_from_its_text(kind, name, tier):
    place = Place(kind, name, tier if kind is PlaceKind.ROUTE else None)
    assume(place.tier is not None or kind is not PlaceKind.ROUTE or not re.search(r", tier \d+\Z", name))
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize("place", [Place(PlaceKind.ROUTE_STAGES), Place(PlaceKind.PROCESS)], ids=str)
def test_a_place_without_a_name_reads_back_too(place):
    assert Place.parse(str(place)) == place


@pytest.mark.parametrize("text", ["", "planet mars", "route", "stagerouter"])
def test_a_text_that_names_no_place_is_the_process_where_nothing_strikes(text):
    assert Place.parse(text) == Place(PlaceKind.PROCESS)


@pytest.mark.parametrize(
    ("place", "takes"),
    [
        (Place(PlaceKind.ROUTE, "a", 0), [("a", 0)]),
        (Place(PlaceKind.ROUTE, "a"), [("a", 0), ("a", 1)]),
        (Place(PlaceKind.BACKEND, "a"), []),
        (Place(PlaceKind.PROCESS), []),
    ],
    ids=str,
)
def test_attempts_are_at_their_route_and_tier(place, takes):
    assert [at for at in [("a", 0), ("a", 1), ("b", 0)] if place.takes(*at)] == takes
