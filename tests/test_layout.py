"""The house: how many modules a folder holds, who imports whom, and the picture of it in ``docs/architecture.md``."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("harness", "analysis")
MOST_MODULES = 15
KINDS = (".py", ".ipynb")


def folders() -> list[Path]:
    """Return the folders of the packages that hold modules or notebooks."""
    found = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix in KINDS}
    return sorted(path for path in found if path.name != ".ipynb_checkpoints")


def drawn(page: str) -> list[Path]:
    """Return the folders in the picture of a page: one a line, indented under the folder that holds it."""
    found: list[Path] = []
    (picture,) = re.findall(r"^## The house$.*?^```text$(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for line in picture.strip().splitlines():
        indent, name = re.match(r"( *)(\w+)/ ", line).groups()  # type: ignore[union-attr]
        above = found[-1].relative_to(ROOT).parts[: len(indent) // 2] if indent else ()
        found.append(ROOT.joinpath(*above, name))
    return found


@pytest.mark.parametrize("folder", folders(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_holds_few_modules(folder):
    modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES, modules


def test_the_picture_of_the_house_shows_its_folders():
    shown = drawn((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert sorted(shown) == folders()


def test_no_module_imports_what_imports_it():
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    order = TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
    order.prepare()  # raises CycleError
