"""Routers as engineers write them, one a module: each knows its library, Stageflow, and nothing of the harness.

What they call is where the environment says: ``MODELS_URL``, ``REDIS_URL``, ``DATABASE_URL``, ``ROUTER_ADDRESS``.
"""
