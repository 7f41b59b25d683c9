"""The reference target's routing rules: text and priority in, route, confidence and reason out.

Pure and deterministic: equal inputs give equal choices in every process. Besides its length, only the first
``INSPECTED`` characters of a text are looked at, so that the cost of a long one is bounded.

Each route collects points: ``standard`` by default and for a question, ``fast`` for brevity and small talk,
``premium`` for code, complexity and length, ``fallback`` for what the guard objects to, ``escalation`` for
the priority. The route with the most points wins. What a text shows earns fewer points than what the guard
finds, and that fewer than a priority of 8: so 8 and 9 always escalate, and else an objection always falls
back. The confidence is the margin of the winner ``a`` over the runner-up ``b``: ``(a - b) / a``.
"""

from __future__ import annotations

import string
import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple

FAST: Final = "fast"
STANDARD: Final = "standard"
PREMIUM: Final = "premium"
ESCALATION: Final = "escalation"
FALLBACK: Final = "fallback"

ROUTES: Final = (FAST, STANDARD, PREMIUM, ESCALATION, FALLBACK)
"""Every route there is."""

DEFAULT_PRIORITY: Final = 5
"""The priority of an input that names none."""

ESCALATE_FROM: Final = 8
"""The lowest priority that escalates."""

INSPECTED: Final = 1_000
"""Characters of a text that are looked at."""


class Finding(StrEnum):
    """What the guard objects to in a text."""

    BLANK = "blank"  # nothing to answer
    CONTROL = "control"  # characters no keyboard types: NUL, escape, bidirectional overrides
    GARBAGE = "garbage"  # hardly a letter or digit, or the same few over and over
    INJECTION = "injection"  # instructions to the model instead of a question to it
    MARKUP = "markup"  # active content for a browser or a database


class Choice(NamedTuple):
    """What the router chose. ``confidence`` is the margin over the next best route, 0-1."""

    route: str
    confidence: float
    reason: str


_INJECTIONS: Final = (
    "ignore all ", "ignore any ", "ignore previous", "ignore the above", "ignore your", "disregard all ",
    "disregard previous", "disregard the above", "disregard your", "forget all previous", "forget your",
    "system prompt", "your instructions", "developer mode", "jailbreak", "do anything now", "<|im_start|>",
    "<|system|>", "[inst]", "### system", "[system]", "pretend you have no", "reveal your",
)  # fmt: skip
_MARKUP: Final = (
    "<script", "javascript:", "onerror=", "onload=", "<iframe", "<!entity", "drop table", "' or '1'='1",
    "${jndi:",
)  # fmt: skip
_SYNTAX: Final = (
    "```", "def ", "=>", "return ", "import ", "#include", "();", "select * ", "print(", "function(", "</",
)  # fmt: skip
_CODING: Final = frozenset({
    "algorithm", "api", "array", "async", "callback", "class", "code", "compile", "css", "debug",
    "django", "docker", "flask", "function", "git", "html", "java", "javascript", "json", "kubernetes",
    "lambda", "loop", "parse", "program", "python", "query", "react", "recursive", "regex", "rest",
    "rust", "script", "sorting", "sql", "thread", "typescript", "write",
})  # fmt: skip
_COMPLEX: Final = frozenset({
    "although", "because", "compare", "consequently", "contrast", "define", "describe", "difference",
    "either", "evaluate", "explain", "however", "meaning", "prove", "purpose", "relationship",
    "suggest", "theory", "therefore", "whereas", "whether", "which", "why",
})  # fmt: skip
_SMALL_TALK: Final = frozenset({
    "awesome", "bye", "chat", "cool", "fine", "good", "goodbye", "great", "greetings", "haha", "hello",
    "hey", "hi", "joke", "lol", "love", "morning", "nice", "night", "no", "ok", "okay", "sorry", "sure",
    "talk", "thank", "thanks", "welcome", "yeah", "yes", "you", "your", "yourself",
})  # fmt: skip
_QUESTION_MARKS: Final = ("?", "\uff1f", "\u061f")  # Latin, full width, Arabic
_CONTROLS: Final = frozenset(map(chr, [*range(9), 11, 12, *range(14, 32), *range(127, 160)])) | frozenset(
    "\u202a\u202b\u202c\u202d\u202e\ufff9\ufffa\ufffb\ufffe\uffff"
)
_APART: Final = str.maketrans(dict.fromkeys(string.punctuation + "\u00bf\uff1f\u061f", " "))
# Cyrillic and Greek letters that look Latin: they must not carry an instruction past the guard.
_LATIN: Final = str.maketrans("аеорсухіјѕһԁԛԝοαερνκτι", "aeopcyxijshdqwoaepvkti")

# Text earns below 4.5 points (_text_points): fallback and escalation stand above it, in this order.
_FALLBACK_POINTS: Final = 5.0
_ESCALATION_POINTS: Final = 6.0  # for each step above priority 7


def route(text: str, priority: int) -> Choice:
    """Return the choice for ``text`` at ``priority`` (0-9). Never raises, whatever the text."""
    return choose(text, priority, screen(text))


def screen(text: str) -> Finding | None:
    """Return what the guard objects to in ``text``, or None."""
    head = text[:INSPECTED]
    if not head.strip():
        return Finding.BLANK
    if not head.isprintable() and not _CONTROLS.isdisjoint(head):
        return Finding.CONTROL
    if 3 * sum(map(str.isalnum, head)) < len(head.replace(" ", "")) or 50 * len(set(head)) < len(head):
        return Finding.GARBAGE
    plain = head.lower() if head.isascii() else _folded(head)
    if any(phrase in plain for phrase in _INJECTIONS):
        return Finding.INJECTION
    if any(phrase in plain for phrase in _MARKUP):
        return Finding.MARKUP
    return None


def choose(text: str, priority: int, finding: Finding | None) -> Choice:
    """Return the choice for a text that has been screened; ``finding`` is what ``screen`` returned for it."""
    points, reason = _text_points(text)
    best, runner_up = sorted(points, reverse=True)[:2]
    winner = (STANDARD, FAST, PREMIUM)[points.index(best)]
    if finding is not None:
        winner, reason, best, runner_up = FALLBACK, f"guard: {finding.value}", _FALLBACK_POINTS, best
    if priority >= ESCALATE_FROM:
        steps = min(priority, 9) - ESCALATE_FROM + 1
        winner, reason, best, runner_up = ESCALATION, f"priority {priority}", _ESCALATION_POINTS * steps, best
    return Choice(winner, round((best - runner_up) / best, 4), reason)


def _text_points(text: str) -> tuple[tuple[float, float, float], str]:
    """Return the points of standard, fast and premium, each in [0, 4.5), and the winner's reason."""
    head = text[:INSPECTED]
    plain = head.lower()
    words = plain.translate(_APART).split()
    vocabulary = set(words)
    syntax = sum(token in plain for token in _SYNTAX)
    coding = len(_CODING & vocabulary)
    small_talk = not coding and not _SMALL_TALK.isdisjoint(vocabulary)
    complexity = len(_COMPLEX & vocabulary)
    length = min(1.4, len(text) / 100)

    standard = 1.2 if any(mark in head for mark in _QUESTION_MARKS) else 1.0
    fast = max(0.0, 1.3 - 0.12 * len(words)) + (0.5 if small_talk else 0.0)
    premium = min(1.2, 0.6 * syntax) + min(1.2, 0.6 * coding) + min(0.6, 0.5 * complexity) + length
    if premium > max(standard, fast):
        strongest = max((coding + syntax, "code"), (complexity, "complex"), (length, "long"))
        return (standard, fast, premium), strongest[1]
    if fast > standard:
        return (standard, fast, premium), "small talk" if small_talk else "short"
    return (standard, fast, premium), "question" if standard > 1.0 else "statement"


def _folded(text: str) -> str:
    """Return ``text`` in lower case with compatibility forms, lookalikes and invisible marks made plain."""
    # One character can decompose into 18 (U+FDFA).
    decomposed = unicodedata.normalize("NFKD", text)[: 2 * INSPECTED]
    shown = [char for char in decomposed if char.isascii() or unicodedata.category(char) not in {"Mn", "Cf"}]
    return "".join(shown).lower().translate(_LATIN)
