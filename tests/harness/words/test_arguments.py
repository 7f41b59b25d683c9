from __future__ import annotations

import argparse

import pytest

from harness.words.arguments import LARGEST, OneLineParser, whole
from harness.words.errors import LINE, ExitCode


def test_whole_numbers_in_the_range_are_read():
    assert [whole(0)(text) for text in ("0", " 7 ", str(LARGEST))] == [0, 7, LARGEST]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-1", "found '-1', expected a whole number of at least 0"),
        ("x", "found 'x', expected a whole number of at least 0"),
        (str(LARGEST + 1), f"expected a whole number of at least 0, at most {LARGEST}"),
        ("9" * 5000, f"…', expected a whole number of at least 0, at most {LARGEST}"),
    ],
)
def test_others_are_refused_in_a_short_line(text, shown):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        whole(0)(text)
    assert str(refused.value).endswith(shown)
    assert len(str(refused.value)) < 150


def parser() -> OneLineParser:
    found = OneLineParser(prog="tool")
    found.add_argument("--many", choices=[f"choice-{number}" for number in range(200)])
    commands = found.add_subparsers(dest="command", required=True)
    commands.add_parser("go").add_argument("where")
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["go"],
        ["gone"],
        ["--many", "none", "go", "x"],
        ["go", "x", "\x1b[31m\u202e\nred"],
        ["go", "x", "y" * 10_000],
    ],
)
def test_a_mistake_is_one_printable_line_and_exit_2(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as raised:
        parser().parse_args(arguments)

    assert raised.value.code == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    line = said.err.removesuffix("\n")
    assert line.isprintable()
    assert line.startswith("tool")
    assert len(line) <= LINE + 40


def test_no_mistake_is_no_line(capsys) -> None:
    assert parser().parse_args(["go", "there"]).where == "there"
    assert capsys.readouterr().err == ""
