"""A scikit-learn classifier, trained at import, in ``asyncio.to_thread``."""

import asyncio
import json
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from stageflow import Pipeline, StageContext, StageKind, StageOutput

rows = [json.loads(line) for line in (Path(__file__).parents[1] / "corpus.jsonl").read_text().splitlines()]
model = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5)), LogisticRegression(C=1e4, max_iter=2000))
model.fit([row["text"] for row in rows], [row["expected_route"] for row in rows])


def classify(text: str) -> tuple[str, float]:
    shares = model.predict_proba([text])[0]
    best = shares.argmax()
    return str(model.classes_[best]), float(shares[best])


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        route, confidence = await asyncio.to_thread(classify, ctx.snapshot.input_text or "")
        return StageOutput.ok(route=route, confidence=confidence)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
