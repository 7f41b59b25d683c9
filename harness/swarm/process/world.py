"""Which world this process lives in: Python's own, or gevent's patched one. Decided before Locust is imported.

Importing Locust replaces the standard library's threads, locks, sockets and sleep by gevent's (``monkey.patch_all``),
unless a variable says otherwise. The target is asyncio and runs without in production, so it does here. Where Locust's
own command was started, Locust is imported, and the process patched, before any locustfile is read: then the process
starts again, once, by ``exec``: the pid, the arguments and the interpreter's flags stay. What cannot be taken back is
not tried: after unpatching, 15 modules and 14 locks still were gevent's (gevent 26.9).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from harness.words.output import put

OPTION = "--monkey-patch"
VARIABLE = "ROUTESWARM_MONKEY_PATCH"
"""Environment variable of the option."""

SKIP = "LOCUST_SKIP_MONKEY_PATCH"
"""Locust's own variable (``locust/__init__.py``; locust 2.47). Any text skips, "0" as well."""

_STARTED_AGAIN = "ROUTESWARM_STARTED_AGAIN"
_TRUE = frozenset({"1", "true", "yes"})  # what configargparse takes for a flag that is set
_COMMANDS = frozenset({"locust", "routeswarm"})
_MODULES = frozenset({"locust.__main__", "harness.__main__"})

UNPATCHED, PATCHED = "native", "monkey-patched"


def name() -> str:
    """Return the world this process is in: ``native`` or ``monkey-patched``."""
    from gevent import monkey

    return PATCHED if monkey.is_module_patched("threading") else UNPATCHED


def is_asked_for(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a command line or its environment asks for patching. Known before any parser can be."""
    return OPTION in arguments or environment.get(VARIABLE, "").lower() in _TRUE


def enter() -> None:
    """Have Locust imported in the world that was asked for; start the process again where it is in the other one.

    To be called before anything of Locust, gevent or the target is imported. A process that can be started again comes
    back from here unpatched; one that cannot comes back as it is, and ``objection`` says what to do.
    """
    _hold_standard_descriptors()
    _hide_script()
    restarted = os.environ.pop(_STARTED_AGAIN, None) is not None
    if restarted:
        os.environ.pop(SKIP, None)  # it has done its work: the target's children see the environment they would see
    if is_asked_for(sys.argv, os.environ):
        return
    if "locust" not in sys.modules:
        _import_unpatched()
    elif name() == PATCHED and not restarted and _is_repeatable():
        _start_again()


def objection(*, patching_asked: bool) -> str | None:
    """Return in one line why this process is in the wrong world and what to do; None where it is in the right one."""
    if patching_asked and name() == UNPATCHED:
        return (
            f"{OPTION}: the process is not patched, and cannot be any more: give the option on the command line or set "
            f"{VARIABLE}=1, and leave {SKIP} unset"
        )
    if not patching_asked and name() == PATCHED:
        return (
            "Locust was imported, and has replaced threads, locks and sockets by gevent's, before harness.swarm: set "
            f"{SKIP}=1, or import harness.swarm first, or accept it with {OPTION}"
        )
    return None


def _import_unpatched() -> None:
    before = os.environ.get(SKIP)
    os.environ[SKIP] = "1"
    try:
        import locust  # noqa: F401
    finally:
        if before is None:
            del os.environ[SKIP]


def _is_repeatable() -> bool:
    """Whether Locust's command or ours is all that this process has done yet, so that it may begin again.

    Not a script of the user's that calls Locust, which may have done anything, and not under pydevd, whose debugger
    would be left with a process it does not know.
    """
    started = sys.modules.get("__main__")
    spec = getattr(started, "__spec__", None)
    if "pydevd" in sys.modules or "locust.main" not in sys.modules:
        return False
    script = getattr(started, "__file__", None) or ""
    by_module = spec is not None and spec.name in _MODULES
    return by_module or Path(script).stem in _COMMANDS


def _hide_script() -> None:
    """Have children that ``multiprocessing`` spawns pass over Locust's script, as they do with ``python -m locust``.

    They run the main script again, which imports Locust, and that would patch them (``multiprocessing/spawn.py``,
    ``_fixup_main_from_name``: modules called ``__main__`` are left out).
    """
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None) or ""
    if main.__spec__ is None and Path(script).stem in _COMMANDS and "locust.main" in sys.modules:
        main.__spec__ = ModuleSpec("locust.__main__", None)


def _hold_standard_descriptors() -> None:
    """Lead standard descriptors that were closed before the start (``>&-``) to nothing.

    The next files to be opened would have their numbers, and get what C code writes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free


def _start_again() -> None:
    put("", sys.stdout)
    put("", sys.stderr)
    environment = {**os.environ, SKIP: "1", _STARTED_AGAIN: "1"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
