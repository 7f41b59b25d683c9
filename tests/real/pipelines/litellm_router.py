"""LiteLLM's router: two deployments of a primary, one of which fails at times, and a backup."""

import os

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it is fetched at import

import litellm
from litellm import Router as ModelRouter
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

litellm.suppress_debug_info = True


def deployment(group: str, model: str) -> dict[str, object]:
    params = {"model": f"openai/{model}", "api_base": os.environ["MODELS_URL"] + "/v1", "api_key": "none", "timeout": 5}
    return {"model_name": group, "litellm_params": params}


models = ModelRouter(
    model_list=[
        deployment("primary", "router"),
        deployment("primary", "flaky"),
        deployment("backup", "backup"),
    ],
    fallbacks=[{"primary": ["backup"]}],
    num_retries=1,
    retry_after=0,
    disable_cooldowns=True,
)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        completion = await models.acompletion(
            model="primary",
            messages=[
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": ctx.snapshot.input_text or ""},
            ],
        )
        return StageOutput.ok(
            route=completion.choices[0].message.content,
            confidence=0.9,
            model=completion.model,
        )


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
