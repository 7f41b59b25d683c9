"""Faults that change the answer: the call answers ok, with another route than it chose."""

from __future__ import annotations

from typing import ClassVar

from harness.load.faults.kinds.what import STAGES, Answers, Effect, What
from harness.load.faults.kinds.where import Text


class WrongRoute(What, frozen=True, tag="wrong_route"):
    """The call answers ok, with another route than it chose: ``route``."""

    effect: ClassVar = Effect.ANSWER
    does: ClassVar = "it answers ok, with this route instead of its own"
    settings: ClassVar = "`route`"
    places: ClassVar = STAGES
    route: Text

    def answer(self, given: object, answers: Answers) -> object:
        """Return the answer with the wrong route."""
        return answers.routed(given, self.route)


class Malformed(What, frozen=True, tag="malformed"):
    """The call answers ok, with a route that is no text."""

    effect: ClassVar = Effect.ANSWER
    does: ClassVar = "it answers ok, with a route that is no text"
    places: ClassVar = STAGES

    def answer(self, given: object, answers: Answers) -> object:
        """Return the answer with an object as its route."""
        return answers.routed(given, {"malformed": True})
