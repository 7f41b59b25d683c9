from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.corpus.bands import CRITICAL, HIGH, KINDS, LOW, NORMAL
from harness.load.corpus.corpus import DEFAULT_CORPUS, Scenario, read_corpus, write_corpus
from harness.stages.router import ROUTES, route
from harness.words.errors import CorpusError

ROOT = Path(__file__).parents[4]
GOOD = b'{"id": "a", "text": "hello", "priority": 5}\n'


def corpus_of(tmp_path, content: bytes) -> Path:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    return path


def error_of(path) -> str:
    with pytest.raises(CorpusError) as caught:
        read_corpus(path)
    return str(caught.value)


# Reading.


def test_a_line_becomes_a_scenario_field_by_field(tmp_path):
    path = corpus_of(
        tmp_path,
        b'{"id": "a", "text": "hi", "priority": 9, "metadata": {"lang": "en"}, "expected_route": "fast",'
        b' "label": "greetings", "tags": ["short", "question"]}\n',
    )
    (scenario,) = read_corpus(path)
    assert scenario == Scenario("a", "hi", 9, {"lang": "en"}, "fast", "greetings", ("short", "question"))
    assert scenario.kind == "question"


def test_optional_fields_may_be_missing_or_null(tmp_path):
    path = corpus_of(
        tmp_path,
        GOOD + b'{"id":"b","text":"","priority":0,"metadata":null,"expected_route":null,"label":null,"tags":null}',
    )
    first, second = read_corpus(path)
    assert first == Scenario("a", "hello", 5)
    assert second == Scenario("b", "", 0)
    assert first.kind == "other"


def test_order_length_digest_and_routes_are_those_of_the_file(tmp_path):
    content = b"".join(
        b'{"id":"%d","text":"x","priority":1,"expected_route":"%s"}\n' % (n, name)
        for n, name in enumerate([b"slow", b"fast", b"slow"])
    )
    corpus = read_corpus(corpus_of(tmp_path, content))
    assert [scenario.id for scenario in corpus] == ["0", "1", "2"]
    assert len(corpus) == 3
    assert corpus.digest == hashlib.sha256(content).hexdigest()
    assert corpus.routes == {"slow", "fast"}


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_are_accepted(tmp_path):
    content = b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n   \n\t\n" + GOOD.replace(b'"a"', b'"b"') + b"\n\n"
    assert [scenario.id for scenario in read_corpus(corpus_of(tmp_path, content))] == ["a", "b"]


def test_text_may_hold_nul_and_line_separators(tmp_path):
    path = corpus_of(tmp_path, '{"id": "a", "text": "x\\u0000\u2028\\ny", "priority": 5}'.encode())
    assert [scenario.text for scenario in read_corpus(path)] == ["x\0\u2028\ny"]


# What is wrong is said with its place, what was found and what was expected.


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"oops", "found no JSON (JSON is malformed"),
        (b'{"id": "a"', "found no JSON ("),
        (b'{"id": "a", "text": "\xff", "priority": 1}', "found byte 0xff at column 22, expected UTF-8"),
        (b"[" * 100_000, "found no JSON ("),
        (b"[1, 2]", "found [1, 2], expected a JSON object"),
        (b"null", "found null, expected a JSON object"),
        (b'{"text": "x", "priority": 1}', "found no field 'id', expected the fields id, text, priority, and"),
        (b'{"id": "b", "priority": 1}', "found no field 'text'"),
        (b'{"id": "b", "text": "x"}', "found no field 'priority'"),
        (b'{"id": "b", "text": "x", "priority": 1, "rout": "x"}', 'found unknown field "rout", expected the fields'),
        (b'{"id": "", "text": "x", "priority": 1}', 'found id "", expected text that is not blank'),
        (b'{"id": "  ", "text": "x", "priority": 1}', 'found id "  ", expected text that is not blank'),
        (b'{"id": 7, "text": "x", "priority": 1}', "found id 7, expected text"),
        (b'{"id": "b", "text": null, "priority": 1}', "found text null, expected text in quotes"),
        (b'{"id": "b", "text": "x", "priority": 10}', "found priority 10, expected a whole number 0-9"),
        (b'{"id": "b", "text": "x", "priority": -1}', "found priority -1, expected a whole number 0-9"),
        (b'{"id": "b", "text": "x", "priority": 5.0}', "found priority 5.0, expected a whole number 0-9"),
        (b'{"id": "b", "text": "x", "priority": true}', "found priority true, expected a whole number 0-9"),
        (b'{"id": "b", "text": "x", "priority": "5"}', 'found priority "5", expected a whole number 0-9'),
        (b'{"id": "b", "text": "x", "priority": 1, "metadata": []}', "found metadata [], expected a JSON object"),
        (b'{"id": "b", "text": "x", "priority": 1, "expected_route": ""}', 'found expected_route "", expected text'),
        (b'{"id": "b", "text": "x", "priority": 1, "label": 3}', "found label 3, expected text"),
        (b'{"id": "b", "text": "x", "priority": 1, "tags": "code"}', 'found tags "code", expected a list of text'),
        (b'{"id": "b", "text": "x", "priority": 1, "tags": [1]}', "found tags [1], expected a list of text"),
        (b'{"id": "a", "text": "x", "priority": 1}', 'found the id "a" of line 1 again, expected an id used once'),
        (b'{"id": "b", "text": "x", "priority": 1, "text": "y"}', 'found the key "text" twice, expected each key once'),
        (b'{"id": "b", "text": "x", "priority": 1, "t\\u0065xt": "y"}', 'found the key "text" twice'),
        (b'{"id": "b", "text": "x", "priority": 1, "metadata": {"a": [{"c": 1, "c": 1}]}}', 'found the key "c" twice'),
        (
            b'{"id": "b", "text": "x", "priority": 1, "expected_route": "%s"}' % (b"r" * 101),
            "found an expected_route of 101 characters, expected at most 100",
        ),
        (b'{"id": "b", "text": "x", "priority": 1, "metadata": %s}' % (b'{"a":' * 5000), "found no JSON"),
    ],
)
def test_the_first_bad_line_is_named_with_what_was_found_and_expected(tmp_path, line, complaint):
    path = corpus_of(tmp_path, GOOD + b"\n" + line + b"\nanother bad line\n")
    message = error_of(path)
    assert message.startswith(f"{path}:3: {complaint}")
    assert "\n" not in message


def test_colons_in_texts_and_equal_keys_of_different_objects_are_accepted(tmp_path):
    line = b'{"id": "a:b", "text": "x: \\"text\\": y", "priority": 1, "metadata": {"id": {"id": "::"}}}'
    (scenario,) = read_corpus(corpus_of(tmp_path, line))
    assert scenario.text == 'x: "text": y'
    assert scenario.metadata["id"] == {"id": "::"}


def test_a_scenario_takes_little_more_memory_than_its_texts(tmp_path):
    rest = '"priority": 5, "expected_route": "standard", "label": "Computers", "tags": ["question", "en"]}'
    lines = (f'{{"id": "scenario-{n:07}", "text": "What do you know, number {n}?", {rest}\n' for n in range(2_000))
    path = corpus_of(tmp_path, "".join(lines).encode())
    read_corpus(path)
    tracemalloc.start()
    corpus = read_corpus(path)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(corpus) == 2_000
    assert kept < 2_000 * 350
    assert peak < 2_000 * 450


def test_a_long_wrong_value_is_cut(tmp_path):
    message = error_of(corpus_of(tmp_path, b'{"id": "a", "text": ["%s"], "priority": 1}' % (b"x" * 100_000)))
    assert len(message) < 300


@pytest.mark.parametrize("content", [b"", b"\n \n\t\r\n"])
def test_a_file_without_a_scenario_is_an_error(tmp_path, content):
    path = corpus_of(tmp_path, content)
    assert error_of(path) == f"{path}: found no scenario, expected one JSON object a line"


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
    missing = tmp_path / "missing.jsonl"
    assert error_of(missing) == f"{missing}: found no such file or directory, expected a readable file of JSON Lines"
    assert error_of(tmp_path).startswith(f"{tmp_path}: found is a directory, expected ")


# Writing.

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
words = st.text(min_size=1).filter(str.strip)
scenarios = st.builds(
    Scenario,
    id=words,
    text=st.text(),
    priority=st.integers(0, 9),
    metadata=st.dictionaries(st.text(), json_values, max_size=3),
    expected_route=st.none() | st.text(min_size=1, max_size=100).filter(str.strip),
    label=st.none() | words,
    tags=st.lists(st.text(), max_size=3).map(tuple),
)


@settings(deadline=None, max_examples=60)
@given(written=st.lists(scenarios, min_size=1, max_size=5, unique_by=lambda scenario: scenario.id))
def test_what_was_written_is_read_back(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("corpus") / "c.jsonl"
    write_corpus(written, path)
    assert list(read_corpus(path)) == written
    content = path.read_bytes()
    write_corpus(read_corpus(path), path)
    assert path.read_bytes() == content


def test_readable_characters_stay_and_invisible_ones_are_escaped(tmp_path):
    path = tmp_path / "c.jsonl"
    write_corpus([Scenario("a", "é שלום 👍\u202e\0\u2028\U000e0041", 5)], path)
    assert path.read_text("utf-8") == (
        '{"id": "a", "text": "é שלום 👍\\u202e\\u0000\\u2028\\udb40\\udc41", "priority": 5}\n'
    )
    assert [scenario.text for scenario in read_corpus(path)] == ["é שלום 👍\u202e\0\u2028\U000e0041"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = corpus_of(tmp_path, GOOD)

    def half() -> object:
        yield Scenario("b", "x", 1)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_corpus(half(), path)
    assert path.read_bytes() == GOOD
    assert list(tmp_path.iterdir()) == [path]


# Metadata.


def test_fresh_metadata_shares_nothing_mutable():
    scenario = Scenario("a", "x", 1, {"deep": {"list": [1, {"k": "v"}]}, "flat": 1})
    first, second = scenario.fresh_metadata(), scenario.fresh_metadata()
    first["deep"]["list"][1]["k"] = "changed"
    first["deep"]["list"].append(2)
    first["flat"] = 2
    assert second == {"deep": {"list": [1, {"k": "v"}]}, "flat": 1} == scenario.metadata


def test_flat_metadata_is_copied_too():
    scenario = Scenario("a", "x", 1, {"flat": 1})
    scenario.fresh_metadata()["flat"] = 2
    assert scenario.fresh_metadata() == {"flat": 1}


# The corpus that ships.


def test_the_default_corpus_has_a_thousand_texts_and_every_route():
    corpus = read_corpus(DEFAULT_CORPUS)
    assert len(corpus) >= 1_000
    assert len({scenario.text for scenario in corpus}) == len(corpus)
    assert corpus.routes == set(ROUTES)
    assert DEFAULT_CORPUS.stat().st_size < 1_000_000
    assert stat.S_ISREG(os.lstat(DEFAULT_CORPUS).st_mode)


def test_the_default_corpus_has_every_kind_in_every_band():
    found = {(scenario.priority, scenario.kind) for scenario in read_corpus(DEFAULT_CORPUS)}
    for band in (CRITICAL, HIGH, NORMAL, LOW):
        assert {kind for priority, kind in found if priority in band} == set(KINDS)


def test_the_default_corpus_holds_the_golden_decisions_of_the_reference_target():
    for scenario in read_corpus(DEFAULT_CORPUS):
        assert scenario.expected_route == route(scenario.text, scenario.priority).route, scenario.id


def test_the_default_corpus_holds_the_edges_the_issue_asks_for():
    texts = {scenario.id: scenario.text for scenario in read_corpus(DEFAULT_CORPUS) if scenario.kind == "edge"}
    assert texts["edge-empty"] == ""
    assert texts["edge-blanks"].isspace()
    assert len(texts["edge-long-text"]) == len(texts["edge-long-word"]) == 10_000
    assert "\0" in texts["edge-nul"]


@pytest.mark.slow
def test_the_default_corpus_is_what_its_script_builds():
    command = [sys.executable, "-m", "scripts.build_corpus", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_writing_keeps_a_link_and_the_mode_of_what_it_leads_to(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept" / "corpus.jsonl", tmp_path / "corpus.jsonl"
    kept.parent.mkdir()
    write_corpus([Scenario("a", "before", 5)], kept)
    kept.chmod(0o640)
    link.symlink_to("kept/corpus.jsonl")
    write_corpus([Scenario("a", "after", 5)], link)
    assert link.is_symlink()
    assert [scenario.text for scenario in read_corpus(kept).scenarios] == ["after"]
    assert kept.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["corpus.jsonl", "corpus.jsonl", "kept"]
