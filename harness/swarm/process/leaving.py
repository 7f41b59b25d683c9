"""How the process leaves: with the worse of the run's exit code and the one that the locustfile asks for."""

from __future__ import annotations

from collections.abc import Callable

from locust.env import Environment
from locust.event import EventHook

from harness.swarm.terminal import say


class ExitCodes:
    """Who asks for which exit code. Neither may hide what the other one found.

    A locustfile sets ``environment.process_exit_code``, as Locust's manual has it, in ``quitting``, in ``test_stop`` or
    anywhere: what it holds that was not written here is the locustfile's.

    Attributes:
        ours: the run's, None while it has none.
        theirs: the locustfile's last, None where it asked for none.

    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.ours: int | None = None
        self.theirs: int | None = None
        self._written: int | None = None

    def begin(self) -> None:
        """Forget the run before; what was asked for before the first one counts."""
        if self.ours is None:
            self._notice()
        else:
            self.ours = self.theirs = None
        self._write(self.theirs)

    def settle(self, code: int) -> None:
        """Take the run's own code."""
        self._notice()
        self.ours = code
        self._write(self.worse)

    def asked(self, code: object) -> None:
        """Take what a listener called ``sys.exit`` with."""
        self._notice()
        self.theirs = as_exit_code(code)
        self._write(self.worse)

    @property
    def worse(self) -> int | None:
        """The code to leave with: the run's where that is not zero, else the locustfile's; None where there is none."""
        return self.ours or self.theirs if self.theirs is not None else self.ours

    def look(self) -> str:
        """Take what listeners have set since; return a clause for the user where the two codes differ, else nothing."""
        self._notice()
        self._write(self.worse)
        if self.theirs is None or self.ours is None or self.theirs == self.ours:
            return ""
        if self.ours:
            return f"{self.ours} (the locustfile asked for {self.theirs})"
        return f"{self.theirs} (by the locustfile; the verdict's own is {self.ours})"

    def _notice(self) -> None:
        found = self._environment.process_exit_code
        if found != self._written:
            self.theirs = None if found is None else as_exit_code(found)

    def _write(self, code: int | None) -> None:
        self._environment.process_exit_code = self._written = code


def as_exit_code(asked: object) -> int:
    """Return the code that the system gets to see of what is given to ``sys.exit``, but never 0 for another number."""
    if asked is None:
        return 0
    if not isinstance(asked, int):
        return 1
    return asked & 0xFF or int(asked != 0)


class Lasting(EventHook):
    """An event whose listeners are all called, whatever one of them does to end the process.

    ``sys.exit`` in a listener of Locust's last events would leave out all that is still to be done, and the verdict.

    Args:
        name: the event's, in a line to the user.
        event: what to stand for; its listeners are kept, and further ones are its own.
        on_exit: told of each ``sys.exit``.
        then: called after all listeners.

    """

    def __init__(
        self, name: str, event: EventHook, on_exit: Callable[[object], object], then: Callable[[], object] = bool
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust's
        self._name = name
        self._handlers = event._handlers
        self._on_exit = on_exit
        self._then = then

    def fire(self, *, reverse: bool = False, **arguments: object) -> None:
        """Call the listeners, each as Locust does."""
        for handler in self._handlers[::-1] if reverse else [*self._handlers]:
            alone = EventHook()
            alone.add_listener(handler)
            try:
                alone.fire(**arguments)
            except SystemExit as exit_:
                say(f"a listener of {self._name} called sys.exit: its code counts, and the rest is done all the same")
                self._on_exit(exit_.code)
        self._then()
