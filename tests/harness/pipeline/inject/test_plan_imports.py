"""What a plan names in Python is there and can be used, or is one line before the run."""

from __future__ import annotations

from json import JSONDecodeError

import pytest

from harness.load.faults.kinds.endings import Error
from harness.load.faults.plan import FaultPlanError
from harness.pipeline.inject.plan_imports import PlanImports, function

PLACE = "plan.toml: fault 'x'"


def made_by_hand(message):
    return JSONDecodeError(message, "{", 0)


def makes_nothing(message):
    return None


async def makes_it_later(message):
    return ValueError(message)


class TwoFacedError(Exception):
    def __new__(cls, message):
        return ValueError(message)


def of_two(one, other=None):
    return other


async def later():
    pass


def without():
    return "called"


def exceptions(name, message):
    return Error(type=name, message=message).find(PlanImports(), PLACE)["new"]


def refused(find):
    with pytest.raises(FaultPlanError) as caught:
        find()
    line = str(caught.value)
    assert line.startswith(PLACE)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("name", "made", "says"),
    [
        ("ConnectionError", ConnectionError, "503"),
        ("concurrent.futures:BrokenExecutor", None, "503"),
        (f"{__name__}:made_by_hand", JSONDecodeError, "503: line 1 column 1 (char 0)"),
    ],
)
def test_each_exception_is_new_and_of_the_type_that_is_named(name, made, says):
    make = exceptions(name, "503")
    one, other = make(), make()
    assert type(one) is type(other)
    assert made is None or type(one) is made
    assert one is not other
    assert str(one) == says


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ConnectionEror", "what.type: found 'ConnectionEror', expected a builtin exception or module:Class"),
        ("KeyboardInterrupt", "what.type: found 'KeyboardInterrupt'"),
        ("print", "what.type: found 'print'"),
        ("json:nothing", "what.type: found 'json:nothing'"),
        ("json:", "what.type: found 'json:'"),
        ("json:JSONDecoder", "what.type: found 'json:JSONDecoder'"),
        ("json:JSONDecodeError", "what.type: json:JSONDecodeError cannot be made of a message alone (TypeError: "),
        ("UnicodeDecodeError", "what.type: UnicodeDecodeError cannot be made of a message alone (TypeError: "),
        (f"{__name__}:makes_nothing", "makes_nothing made a NoneType, expected an exception"),
        (f"{__name__}:makes_it_later", "makes_it_later made a coroutine, expected an exception"),
        (f"{__name__}:TwoFacedError", "TwoFacedError made a ValueError, expected an exception"),
        (".:X", "what.type: found '.', which is no name of a module"),
        ("..json:X", "what.type: found '..json', which is no name of a module"),
        ("nowhere:X", "what.type: no module 'nowhere' here or in the environment"),
    ],
)
def test_what_makes_no_exception_is_one_line(name, says):
    assert says in refused(lambda: exceptions(name, "injected"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere:f", "no module 'nowhere' here"),
        ("json:nothing", "found 'json:nothing', expected module:function, a plain one"),
        ("json", "found 'json', expected module:function"),
        (":f", "found ':f', expected module:function"),
        (".:f", "found '.', which is no name of a module"),
        (f"{__name__}:later", "found an async function, expected"),
        (f"{__name__}:of_two", "of_two cannot be called without arguments: missing a required argument: 'one'"),
    ],
)
def test_what_cannot_be_called_as_it_is_is_one_line(name, says):
    assert says in refused(lambda: function(name, PLACE))


def test_a_function_that_needs_nothing_is_found():
    assert function(f"{__name__}:without", PLACE)() == "called"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("\n1 / 0\n", "importing {module} failed: ZeroDivisionError: division by zero ({path}:2)"),
        ("import sys\nsys.exit(3)\n", "importing {module} failed: SystemExit: 3 ({path}:2)"),
        ("def f(:\n", "importing {module} failed: SyntaxError: "),
        ("import no_such_dependency\n", "importing {module} failed: ModuleNotFoundError: No module named 'no_such_dep"),
    ],
)
def test_a_module_that_does_not_import_is_one_line_with_its_place(module, monkeypatch, tmp_path, source, says):
    name = module(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    says = says.format(module=name, path=tmp_path / f"{name}.py")
    assert says in refused(lambda: function(f"{name}:f", PLACE))
    assert says in refused(lambda: exceptions(f"{name}:X", "injected"))
