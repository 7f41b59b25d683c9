"""Build the default corpus, ``harness/load/corpora/default.jsonl``, from the PyPI package chatterbot-corpus.

    python -m scripts.build_corpus            write the file
    python -m scripts.build_corpus --check    exit 1 unless the file is what this script writes

Equal inputs give equal bytes. What is taken, in the order of the package's English files:

* ``chat-NNNN``: the first line of each conversation, and each further line of four words or more (shorter
  ones, "Yes it is.", say nothing by themselves). A text that differs from an earlier one only in case, blanks
  or closing punctuation is left out. ``label`` is the category people filed it under; the kind is ``code`` in
  the category "coding", else ``question`` or ``statement``.
* ``edge-NAME``: what people and attackers send besides (``scripts/corpus_edges.py``).

Priority: the SHA-256 of ``SEED`` and the text picks one with the odds of ``PRIORITY_ODDS``; the edge
scenarios take those of ``EDGE_PRIORITIES`` in rotation, so that each band has some.
``expected_route`` is the golden decision of the reference target's rules, ``harness.stages.router``.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run from a checkout, as a file or a module

from harness.load.corpus.corpus import DEFAULT_CORPUS, Scenario, write_corpus
from harness.stages.router import route
from scripts.corpus_edges import EDGES, LONG_LENGTH, LONG_NAME

SOURCE: Final = "chatterbot-corpus"
SOURCE_VERSION: Final = "1.3.3"

SEED: Final = 20260101
PRIORITY_ODDS: Final = ((0, 5), (1, 7), (2, 8), (3, 17), (4, 20), (5, 20), (6, 9), (7, 6), (8, 5), (9, 3))
"""(priority, chance in 100): low 20, normal 57, high 15, critical 8."""

EDGE_PRIORITIES: Final = (5, 4, 3, 6, 2, 5, 4, 7, 1, 3, 5, 0, 4, 8, 3, 5, 6, 2, 4, 9)
MIN_WORDS: Final = 4
"""Words of a further line of a conversation that is taken."""

_ASKING: Final = frozenset({
    "am", "are", "can", "could", "did", "do", "does", "has", "have", "how", "is", "should", "was", "were", "what",
    "what's", "when", "where", "which", "who", "who's", "whom", "whose", "why", "will", "would",
})  # fmt: skip


class Utterance(NamedTuple):
    """A line somebody said, and the category it was filed under."""

    text: str
    category: str


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the file; return the exit code."""
    parser = argparse.ArgumentParser(prog="build_corpus", description="Build the default corpus.")
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if the file is out of date")
    check = parser.parse_args(argv).check
    if version(SOURCE) != SOURCE_VERSION:
        print(f"{SOURCE} {version(SOURCE)} is installed, expected {SOURCE_VERSION}", file=sys.stderr)
        return 2
    scenarios = list(build())
    if not check:
        write_corpus(scenarios, DEFAULT_CORPUS)
        print(f"{DEFAULT_CORPUS}: {len(scenarios)} scenarios")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / DEFAULT_CORPUS.name
        write_corpus(scenarios, fresh)
        if DEFAULT_CORPUS.exists() and fresh.read_bytes() == DEFAULT_CORPUS.read_bytes():
            return 0
    print(f"{DEFAULT_CORPUS} is out of date: run python -m scripts.build_corpus", file=sys.stderr)
    return 1


def build() -> Iterator[Scenario]:
    """Yield the scenarios of the default corpus in order."""
    said = list(distinct(utterances()))
    for number, (text, category) in enumerate(said, start=1):
        priority = priority_of(text)
        yield Scenario(
            id=f"chat-{number:04d}",
            text=text,
            priority=priority,
            expected_route=route(text, priority).route,
            label=category,
            tags=(kind_of(text, category),),
        )
    for number, (name, label, text) in enumerate(EDGES):
        if name == LONG_NAME:
            text = long_text(said)  # noqa: PLW2901 -- the one edge that is made of the others' text
        priority = EDGE_PRIORITIES[number % len(EDGE_PRIORITIES)]
        yield Scenario(
            id=f"edge-{name}",
            text=text,
            priority=priority,
            expected_route=route(text, priority).route,
            label=label,
            tags=("edge",),
        )


def utterances() -> Iterator[Utterance]:
    """Yield what is said in the English conversations: first lines of all files, then further lines."""
    english = files("chatterbot_corpus") / "data" / "english"
    parsed = [
        yaml.safe_load(entry.read_text(encoding="utf-8"))
        for entry in sorted(english.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yml")
    ]
    for document in parsed:
        category = document["categories"][0]
        yield from (Utterance(conversation[0].strip(), category) for conversation in document["conversations"])
    for document in parsed:
        category = document["categories"][0]
        for conversation in document["conversations"]:
            for line in conversation[1:]:
                if len(line.split()) >= MIN_WORDS:
                    yield Utterance(line.strip(), category)


def distinct(said: Iterator[Utterance]) -> Iterator[Utterance]:
    """Yield each utterance whose text did not come before, but for case, blanks and closing punctuation."""
    seen: set[str] = set()
    for utterance in said:
        plain = " ".join(utterance.text.casefold().split()).rstrip(".,!? ")
        if plain not in seen:
            seen.add(plain)
            yield utterance


def kind_of(text: str, category: str) -> str:
    """Return the kind (``harness.load.corpus.bands.KINDS``) of an utterance."""
    if category == "coding":
        return "code"
    first = text.split(maxsplit=1)[0].casefold().strip(",")
    return "question" if text.endswith("?") or first in _ASKING else "statement"


def priority_of(text: str) -> int:
    """Return the priority the text draws; adding or removing other texts does not change it."""
    drawn = hashlib.sha256(f"{SEED}:{text}".encode()).digest()
    ticket = int.from_bytes(drawn[:8], "big") % 100
    for priority, chance in PRIORITY_ODDS:
        ticket -= chance
        if ticket < 0:
            return priority
    raise AssertionError("the odds do not add up to 100")


def long_text(said: Sequence[Utterance]) -> str:
    """Return ``LONG_LENGTH`` characters of utterances, one after the other."""
    return " ".join(utterance.text for utterance in said if utterance.category != "coding")[:LONG_LENGTH]


if __name__ == "__main__":
    sys.exit(main())
