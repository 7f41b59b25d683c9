"""The models of a server: what they are set to, and what the next call of each meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from model_server.models import Behaviour, Model, chance, model_from

AS_IT_SHOULD = Behaviour()


class Met(NamedTuple):
    """What one call meets."""

    number: int
    model: Model
    behaviour: Behaviour
    latency_s: float


class Fleet:
    """Models by their names, and how often each has been called."""

    def __init__(self, models: Iterable[Model], seed: int) -> None:
        self._at_start = {model.name: model for model in models}
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Go back to the start."""
        self._models = dict(self._at_start)
        self._calls = dict.fromkeys(self._models, 0)
        self._struck = dict.fromkeys(self._models, 0)

    @property
    def models(self) -> Mapping[str, Model]:
        """The models as they are set now."""
        return self._models

    def set(self, name: str, settings: Mapping[str, Any]) -> Model:
        """Set some of a model, which is made if it is not there; raise ``SettingsError`` for what is no setting."""
        model = model_from(settings, self._models.get(name) or Model(name))
        self._models[name] = model
        self._calls.setdefault(name, 0)
        if "behaviour" in settings or name not in self._struck:
            self._struck[name] = 0
        return model

    def meet(self, name: str) -> Met | None:
        """Count a call of a model and return what it meets; None where there is no such model."""
        model = self._models.get(name)
        if model is None:
            return None
        number = self._calls[name]
        self._calls[name] = number + 1
        behaviour = model.behaviour if self._strikes(model, number) else AS_IT_SHOULD
        return Met(number, model, behaviour, model.latency_s(self._seed, number))

    def _strikes(self, model: Model, number: int) -> bool:
        behaviour = model.behaviour
        if behaviour.calls is not None and self._struck[model.name] >= behaviour.calls:
            return False
        if behaviour.share < 1 and chance(self._seed, model.name, number, "behaviour") >= behaviour.share:
            return False
        self._struck[model.name] += 1
        return True
