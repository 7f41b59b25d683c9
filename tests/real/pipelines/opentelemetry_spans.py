"""OpenTelemetry: spans of the stage and of httpx, sent off in batches by a thread of its own."""

import os
from pathlib import Path

import httpx
from opentelemetry import trace
from opentelemetry.instrumentation.asyncio import AsyncioInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

provider = TracerProvider()
spans_file = Path(os.environ.get("LOG_FILE", os.devnull)).open("a")  # noqa: SIM115  # for the whole process
exporter = ConsoleSpanExporter(out=spans_file)
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500, max_queue_size=20_000))
trace.set_tracer_provider(provider)
HTTPXClientInstrumentor().instrument()
AsyncioInstrumentor().instrument()

tracer = trace.get_tracer("support")
client = httpx.AsyncClient(base_url=os.environ["MODELS_URL"], timeout=10)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": ctx.snapshot.input_text}]
        with tracer.start_as_current_span("route") as span:
            response = await client.post("/v1/chat/completions", json={"model": "router", "messages": messages})
            response.raise_for_status()
            route = response.json()["choices"][0]["message"]["content"]
            if trace.get_current_span() is not span:
                raise RuntimeError("another request's span is the current one")
            span.set_attribute("route", route)
        return StageOutput.ok(route=route, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
