"""Users of other kinds beside ours, and whether they can run in a process that is not patched."""

from __future__ import annotations

from locust import HttpUser, User

_OF_LOCUST = "locust.contrib."
_COOPERATIVE = frozenset({"locust.contrib.fasthttp"})  # waits by gevent itself, patched or not (locust 2.47)


def needs_patching(user: type[User]) -> bool:
    """Whether users of a class wait in blocking calls of the standard library's sockets.

    HttpUser has requests, and what is in ``locust.contrib`` a driver of a database or broker: one such call would hold
    all users and the target. What a class of the user's own calls cannot be known.
    """
    if issubclass(user, HttpUser):
        return True
    modules = {base.__module__ for base in user.__mro__}
    return any(module.startswith(_OF_LOCUST) and module not in _COOPERATIVE for module in modules)
