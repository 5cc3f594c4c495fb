"""The canned server itself."""

from __future__ import annotations

from concurrent import futures
from typing import Any

import grpc
from google.longrunning import operations_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tieback.v1 import (
    answer_pb2_grpc,
    catalog_pb2_grpc,
    classifier_pb2_grpc,
    encoder_pb2_grpc,
    generator_pb2_grpc,
    index_pb2_grpc,
    operation_pb2_grpc,
    reranker_pb2_grpc,
    router_pb2_grpc,
)
from tieback_lab.v1 import demonstration_pb2_grpc

from support.canned.classifier import Classifier
from support.canned.demonstrations import Demonstrations
from support.canned.describing import MESSAGE_BYTES, Catalog, Generator
from support.canned.encoding import Encoder, Reranker, Router
from support.canned.library import Answers, Index
from support.canned.log import Log
from support.canned.operations import Operations
from support.canned.poison import Poison


def serve(port: int = 0, *, gone_after: int = 0, poison: str = "") -> tuple[grpc.Server, int, Log]:
    """Starts the whole; returns the server, its port and what it saw."""
    log = Log()
    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        interceptors=[Poison(poison)] if poison else [],
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)],
    )
    index = Index(log)
    encoder_pb2_grpc.add_EncoderServiceServicer_to_server(Encoder(log, gone_after), server)
    router_pb2_grpc.add_RouterServiceServicer_to_server(Router(log), server)
    reranker_pb2_grpc.add_RerankerServiceServicer_to_server(Reranker(log), server)
    index_pb2_grpc.add_IndexServiceServicer_to_server(index, server)
    answer_pb2_grpc.add_AnswerServiceServicer_to_server(Answers(log, index, gone_after), server)
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(Generator(log), server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(Catalog(log), server)
    operations = Operations(log)
    operation_pb2_grpc.add_OperationServiceServicer_to_server(operations, server)
    operations_pb2_grpc.add_OperationsServicer_to_server(operations, server)
    classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(Classifier(log, operations), server)
    register: Any = demonstration_pb2_grpc
    register.add_DemonstrationServiceServicer_to_server(Demonstrations(log), server)
    probe = health.HealthServicer()
    probe.set("", health_pb2.HealthCheckResponse.SERVING)
    probe.set("tieback.v1.GeneratorService", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(probe, server)
    # Of "localhost", gRPC takes one address where the port of the other is another process's.
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound, log
