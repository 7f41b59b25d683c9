"""A routing service over gRPC: ``python grpc_server.py`` prints where, and serves until standard input is closed."""

import asyncio
import json
import sys

import grpc
import grpc.aio
from google.protobuf.wrappers_pb2 import StringValue
from pipelines.keywords import route_of

LATENCY_S = 0.005


async def route(text: StringValue, _: grpc.aio.ServicerContext) -> StringValue:
    await asyncio.sleep(LATENCY_S)
    return StringValue(value=route_of(text.value))


async def serve() -> None:
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        route, request_deserializer=StringValue.FromString, response_serializer=StringValue.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("routing.Router", {"Route": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


asyncio.run(serve())
