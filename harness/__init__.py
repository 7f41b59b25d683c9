"""RouteSwarm: load-tests the ROUTE stages of Stageflow pipelines with Locust, in process.

The folders follow the data: ``load`` (what is asked) -> ``swarm`` (Locust users and client) -> ``loop``
(asyncio on the gevent hub) -> ``pipeline`` and ``stages`` -> ``measure`` and ``record`` -> ``judge``.
``words`` holds what all of them speak. ``docs/architecture.md`` has the map. Importing this package imports none of
them.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
