"""A LangGraph graph: a node asks a model, an edge goes to the node of the queue."""

import os
from typing import TypedDict

import httpx
from langgraph.graph import END, START, StateGraph
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = httpx.AsyncClient(base_url=os.environ["MODELS_URL"], timeout=10)
QUEUES = ("billing", "technical", "sales", "support")


class State(TypedDict, total=False):
    text: str
    asked: str
    route: str


async def classify(state: State) -> State:
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": state["text"]}]
    response = await client.post("/v1/chat/completions", json={"model": "router", "messages": messages})
    response.raise_for_status()
    return {"asked": response.json()["choices"][0]["message"]["content"]}


def queue(name: str):
    async def enter(state: State) -> State:
        return {"route": name}

    return enter


graph = StateGraph(State)
graph.add_node("classify", classify)
for name in QUEUES:
    graph.add_node(name, queue(name))
    graph.add_edge(name, END)
graph.add_edge(START, "classify")
graph.add_conditional_edges("classify", lambda state: state["asked"], list(QUEUES))
app = graph.compile()


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        state = await app.ainvoke({"text": ctx.snapshot.input_text or ""})
        return StageOutput.ok(route=state["route"], confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
