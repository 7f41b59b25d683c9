"""Asks a routing service over gRPC."""

import os

import grpc.aio
from google.protobuf.wrappers_pb2 import StringValue
from stageflow import Pipeline, StageContext, StageKind, StageOutput

channel: grpc.aio.Channel | None = None


def get_channel() -> grpc.aio.Channel:
    global channel
    if channel is None:
        channel = grpc.aio.insecure_channel(os.environ["ROUTER_ADDRESS"])
    return channel


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        ask = get_channel().unary_unary(
            "/routing.Router/Route",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=StringValue.FromString,
        )
        answer = await ask(StringValue(value=ctx.snapshot.input_text), timeout=10)
        return StageOutput.ok(route=answer.value, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
