"""What others import stays: every public name is listed here, exported once, importable and documented.

A name that is added belongs into ``PUBLIC`` and into a page of the documentation; one that goes breaks its users.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

PUBLIC = {
    "harness": ["__version__"],
    "harness.target": ["Decision", "Identity", "Target", "default_context"],
    "harness.swarm": [
        "ArrivalRateUser",
        "Constant",
        "CriticalUser",
        "HighUser",
        "LowUser",
        "NormalUser",
        "Operation",
        "PhasedShape",
        "Poisson",
        "Ramp",
        "RampToFailureShape",
        "RepeatingUser",
        "RouteUser",
        "Scenario",
        "SoakShape",
        "SpikeShape",
        "StageflowClient",
        "StaircaseShape",
        "Trace",
        "declare_defaults",
        "sending",
        "sends",
        "weighted",
    ],
    "analysis": [
        "Comparison",
        "Measured",
        "Run",
        "columns_of",
        "compare",
        "load_run",
        "load_runs",
        "plots",
        "read_table",
        "statistics",
    ],
}
NAMES = [(module, name) for module, names in PUBLIC.items() for name in names]


@pytest.mark.parametrize("module", PUBLIC)
def test_what_is_exported_is_what_is_listed(module: str) -> None:
    exported = import_module(module).__all__
    assert sorted(exported) == sorted(PUBLIC[module])
    assert len(set(exported)) == len(exported)


@pytest.mark.parametrize("module", PUBLIC)
def test_nothing_else_looks_public(module: str) -> None:
    home = import_module(module)
    for name in PUBLIC[module]:
        getattr(home, name)  # what is imported when it is first used is there now
    found = {name for name, value in vars(home).items() if not name.startswith("_") and not _is_passing(name, value)}
    assert found <= set(PUBLIC[module])


def _is_passing(name: str, value: object) -> bool:
    """Whether a name is there for another reason: a submodule, a ``__future__``, typing's own."""
    return isinstance(value, ModuleType) or name in {"annotations", "TYPE_CHECKING", "import_module"}


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_says_what_it_is(module: str, name: str) -> None:
    value = getattr(import_module(module), name)
    assert isinstance(value, str) or len(inspect.getdoc(value) or "") > 20


@pytest.mark.parametrize(("module", "name"), [pair for pair in NAMES if not pair[1].startswith("_")])
def test_a_public_name_is_in_the_documentation(module: str, name: str) -> None:
    word = re.compile(rf"\b{name}\b")
    assert any(word.search(page.read_text(encoding="utf-8")) for page in PAGES)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_is_listed_among_those_that_an_editor_offers(module: str, name: str) -> None:
    assert name in dir(import_module(module))
