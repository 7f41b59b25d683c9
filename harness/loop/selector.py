"""A selector whose waiting is done by the gevent hub."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gevent.hub import Hub

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

EventMask = int
_BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE  # the same bits as libev's READ and WRITE


class HubSelector(selectors.BaseSelector):
    """File descriptors watched by io watchers of ``hub``.

    Each event stops its watcher until ``rearm()``: libev's watchers are level-triggered, and while a step of the
    target blocks the loop nobody reads the descriptor, so the hub would spin. ``notify`` is called in the hub
    whenever events are there to be taken by ``take()``; ``wait`` with its timeout by ``select()``.
    """

    def __init__(self, hub: Hub, notify: Callable[[], None], wait: Callable[[float | None], None]) -> None:
        self._hub = hub
        self._notify = notify
        self._wait = wait
        self._keys: dict[int, selectors.SelectorKey] = {}
        self._watchers: dict[int, Any] = {}
        #: the events ``take()`` would return: fd to mask
        self.fired: dict[int, EventMask] = {}
        self._stopped: list[tuple[int, Any]] = []  # the watchers of events reported, maybe closed since

    def register(self, fileobj: FileDescriptorLike, events: EventMask, data: Any = None) -> selectors.SelectorKey:
        """Watch ``fileobj``; raise KeyError when it is watched already, ValueError for no fd or no events."""
        if not events or events & ~_BOTH:
            raise ValueError(f"Invalid events: {events!r}")
        fd = _fileno(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} (FD {fd}) is already registered")
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        self._watch(fd, events)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Stop watching ``fileobj``; raise KeyError when it is not watched."""
        fd = self._known(fileobj)
        key = self._keys.pop(fd)
        self._unwatch(fd)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: EventMask, data: Any = None) -> selectors.SelectorKey:
        """Change what ``fileobj`` is watched for; raise KeyError when it is not watched."""
        if not events or events & ~_BOTH:
            raise ValueError(f"Invalid events: {events!r}")
        fd = self._known(fileobj)
        old = self._keys[fd]
        key = self._keys[fd] = selectors.SelectorKey(old.fileobj, fd, events, data)
        if events != old.events:
            self._unwatch(fd)
            self._watch(fd, events)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, EventMask]]:
        """Have ``wait`` do the waiting; then ``take()``. For those who run handles beside the loop itself."""
        self._wait(timeout)
        return self.take()

    def take(self) -> list[tuple[selectors.SelectorKey, EventMask]]:
        """Return the events since the last call; never wait: the hub does."""
        found = [(self._keys[fd], events) for fd, events in self.fired.items()]
        self.fired.clear()
        return [(key, events & key.events) for key, events in found if events & key.events]

    def rearm(self) -> None:
        """Watch again the descriptors whose events ``take()`` returned."""
        for fd, watcher in self._stopped:
            if fd in self._watchers and self._watchers[fd] is watcher:
                watcher.start(self._on_event, watcher, fd, pass_events=True)
        self._stopped.clear()

    def close(self) -> None:
        """Stop all watchers."""
        for fd in list(self._watchers):
            self._unwatch(fd)
        self._keys.clear()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return a view of what is watched, to be asked by descriptor or by file object."""
        return _Watched(self, self._keys)

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Return the key of ``fileobj``; raise KeyError when it is not watched."""
        return self._keys[self._known(fileobj)]

    def _known(self, fileobj: FileDescriptorLike) -> int:
        try:
            fd = _fileno(fileobj)
        except ValueError:  # closed meanwhile: look it up by identity, as the selectors module does
            fd = next((key.fd for key in self._keys.values() if key.fileobj is fileobj), -1)
        if fd not in self._keys:
            raise KeyError(f"{fileobj!r} is not registered")
        return fd

    def _watch(self, fd: int, events: EventMask) -> None:
        watcher = self._watchers[fd] = self._hub.loop.io(fd, events)
        watcher.start(self._on_event, watcher, fd, pass_events=True)

    def _unwatch(self, fd: int) -> None:
        watcher = self._watchers.pop(fd)
        watcher.stop()
        watcher.close()
        self.fired.pop(fd, None)

    def _on_event(self, events: EventMask, watcher: Any, fd: int) -> None:
        watcher.stop()
        self._stopped.append((fd, watcher))
        # libev reports a descriptor it cannot watch as -1: both sides are told, and find the error themselves.
        self.fired[fd] = events & _BOTH
        self._notify()


class _Watched(Mapping[Any, selectors.SelectorKey]):
    """What ``HubSelector.get_map()`` returns."""

    def __init__(self, selector: HubSelector, keys: dict[int, selectors.SelectorKey]) -> None:
        self._selector = selector
        self._keys = keys

    def __getitem__(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        return self._selector.get_key(fileobj)

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _fileno(fileobj: FileDescriptorLike) -> int:
    """Return the descriptor of ``fileobj``; raise ValueError when it has none."""
    try:
        fd = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"Invalid file object: {fileobj!r}") from None
    if fd < 0:
        raise ValueError(f"Invalid file descriptor: {fd}")
    return fd
