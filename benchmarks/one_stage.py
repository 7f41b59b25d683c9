"""The target of the benchmarks: a pipeline of one ROUTE stage that does next to nothing."""

from stageflow import Pipeline, StageContext, StageKind, StageOutput


class Router:
    """Routes by the length of the text: what is measured around it is Stageflow and the harness."""

    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        """Choose."""
        return StageOutput.ok(route="long" if len(ctx.snapshot.input_text or "") > 40 else "short", confidence=1.0)


pipeline = Pipeline(name="one_stage").with_stage("router", Router, StageKind.ROUTE)
