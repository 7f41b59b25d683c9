"""What the start form may name: what the command line named, and what lies in the folder Locust was started in.

Whoever can send the form can have what it names read, imported and written. Somebody who can do that to any file of the
machine does not need Locust for it.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from pathlib import Path

from harness.load.faults.plan import PLANS, criteria_path, plan_path
from harness.pipeline.builders import require_builder
from harness.pipeline.find import REFERENCE_TARGETS
from harness.words.errors import TargetError, UsageError

FILES = ("corpus", "criteria", "fault_plan")
"""The options of the form that name a file to read."""


@dataclass(frozen=True)
class CommandLine:
    """What was named before the form could change it: by command line, environment, configuration or locustfile."""

    named: Mapping[str, str]
    folder: Path

    @classmethod
    def of(cls, options: Namespace) -> CommandLine:
        """Return what the options of the process name now."""
        names = ("target", "results_dir", *FILES)
        return cls({name: str(getattr(options, name) or "") for name in names}, Path.cwd().resolve())

    def require(self, form: Mapping[str, str]) -> None:
        """Refuse a form that names what it may not.

        Nothing is read and nothing is called to find out; a module of the folder is imported.

        Raises:
            UsageError: one line, with what was named and what may be.

        """
        for name in FILES:
            self._require_file(name, form.get(name, ""))
        self._require_results(form.get("results_dir", ""))
        self._require_target(form.get("target", "").strip())

    def place(self, name: str, value: str) -> Path | None:
        """Return the file that an option of ``FILES`` leads to; None without one."""
        if not value:
            return None
        find = {"criteria": criteria_path, "fault_plan": plan_path}.get(name, Path)
        return find(value)

    def _require_file(self, name: str, value: str) -> None:
        path = self.place(name, value)
        if path is None or value == self.named[name] or path.parent == PLANS or self._holds(path):
            return
        raise UsageError(f"{_option(name)} {value}: {self._outside}")

    def _require_results(self, value: str) -> None:
        named = Path(self.named["results_dir"] or "results")
        if not value or self._holds(Path(value)) or _resolved(Path(value)) == _resolved(named):
            return
        raise UsageError(f"--results-dir {value}: {self._outside}")

    def _require_target(self, value: str) -> None:
        if not value or value == self.named["target"] or value in REFERENCE_TARGETS:
            return
        module = value.partition(":")[0]
        if not module or "/" in module or module.startswith("."):
            return  # no module:attribute, which find_target has words for
        if not self._has_module(module):
            raise TargetError(f"--target {value}: no module {module!r} in the folder Locust was started in; {_ASK}")
        require_builder(value, self.folder)

    def _has_module(self, module: str) -> bool:
        """Whether importing a module runs files of the folder alone; finds out without importing any."""
        here = str(self.folder)
        search = sys.path if here in sys.path else [here, *sys.path]
        name = ""
        for part in module.split("."):
            name = f"{name}.{part}" if name else part
            places = _places(name, search)
            if not places or not all(self._holds(place) for place in places):
                return False
            search = [str(place.parent if place.name == "__init__.py" else place) for place in places]
        return True

    def _holds(self, path: Path) -> bool:
        """Whether a path leads into the folder, whatever links it goes by, and not into an environment kept there."""
        resolved = _resolved(path)
        if resolved is None or not resolved.is_relative_to(self.folder):
            return False
        prefixes = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
        within = [prefix for prefix in prefixes if prefix.is_relative_to(self.folder) and prefix != self.folder]
        packages = {"site-packages", "dist-packages"} & set(resolved.relative_to(self.folder).parts)
        return not packages and not any(resolved.is_relative_to(prefix) for prefix in within)

    @property
    def _outside(self) -> str:
        return f"outside the folder Locust was started in; {_ASK}"


_ASK = "expected a name in it, or name it on Locust's command line"


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a NUL
        return None


def _places(name: str, search: list[str]) -> list[Path]:
    """Return the files or folders that importing a module would run or search; none where there is no such module."""
    known = sys.modules.get(name)
    if known is not None:
        file = getattr(known, "__file__", None)
        return [Path(file)] if file else [Path(each) for each in getattr(known, "__path__", ())]
    if BuiltinImporter.find_spec(name) is not None or FrozenImporter.find_spec(name) is not None:
        return []
    spec = PathFinder.find_spec(name.rpartition(".")[2], search)  # by its whole name, its parents would be asked for
    if spec is None:
        return []
    return (
        [Path(spec.origin)]
        if spec.has_location and spec.origin
        else [*map(Path, spec.submodule_search_locations or ())]
    )
