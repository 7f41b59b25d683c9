"""Parts of a target: found by kind and name, each build's own apart from those of another."""

from __future__ import annotations

import gc

from harness.words.components import BACKEND, Owner, announce, building, components


class Named:
    def __init__(self, name: str, owner: Owner | None) -> None:
        self.name = name
        with building(owner):
            announce(BACKEND, self)


def test_a_build_has_its_own_parts_and_those_that_belong_to_none() -> None:
    first, second = Owner(), Owner()
    shared, one, other = Named("gpu-parts", None), Named("gpu-parts", first), Named("gpu-parts", second)
    assert components(BACKEND, "gpu-parts") == [shared]
    assert components(BACKEND, "gpu-parts", owner=first) == [shared, one]
    assert components(BACKEND, "gpu-parts", owner=second) == [shared, other]
    assert components(BACKEND, "gpu-parts", owner=second, alone=True) == [other]


def test_what_a_module_makes_while_a_target_is_built_belongs_to_no_build() -> None:
    owner = Owner()
    with building(owner):
        imported = Named("imported-part", None)
        made = Named("made-part", owner)
    assert components(BACKEND, "imported-part") == [imported]
    assert components(BACKEND, "made-part") == []
    assert components(BACKEND, "made-part", owner=owner) == [made]


def test_nothing_keeps_a_part_alive() -> None:
    Named("gone-part", None)
    gc.collect()
    assert components(BACKEND, "gone-part") == []
