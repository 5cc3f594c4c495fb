"""What the server offers and how it is."""

from __future__ import annotations

from google.protobuf import wrappers_pb2
from tieback.v1 import catalog_pb2
from tieback_contract.catalog import Model, Space

from tieback_client.messages import reading_server
from tieback_client.transport.replicas import Endpoints
from tieback_client.transport.replicas import endpoints as listed
from tieback_client.transport.rpc import HEALTH_CHECK, RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import unary
from tieback_client.values.catalog import Health, Method, ServerInfo


def spaces(*, timeout: float | None = None) -> Procedure[list[Space]]:
    """The spaces that vectors can live in; the joint space comes last."""
    reply = yield UnaryCall(RPCS["ListSpaces"], catalog_pb2.ListSpacesRequest(), timeout)
    return [reading_server.space(one) for one in reply.message.spaces]


def space(name: str = "", *, timeout: float | None = None) -> Procedure[Space]:
    """One space; without a name, the one that collections are made in by default.

    `NotFound`, with the choices, where there is none of that name, or no default.
    """
    reply = yield UnaryCall(RPCS["GetSpace"], catalog_pb2.GetSpaceRequest(name=name), timeout)
    return reading_server.space(reply.message.space)


def models(*, timeout: float | None = None) -> Procedure[list[Model]]:
    """The models that write."""
    reply = yield UnaryCall(RPCS["ListModels"], catalog_pb2.ListModelsRequest(), timeout)
    return [reading_server.model(one) for one in reply.message.models]


def rerankers(*, timeout: float | None = None) -> Procedure[list[Model]]:
    """The models that rerank: `rerank(method=…)` and `retrieve(reranker=…)` take their names."""
    reply = yield UnaryCall(RPCS["ListModels"], catalog_pb2.ListModelsRequest(), timeout)
    return [reading_server.model(one) for one in reply.message.rerankers]


def recognisers(*, timeout: float | None = None) -> Procedure[list[Model]]:
    """The models that read pictures or sounds: `recognise(model=…)` takes their names."""
    reply = yield UnaryCall(RPCS["ListModels"], catalog_pb2.ListModelsRequest(), timeout)
    return [reading_server.model(one) for one in reply.message.recognisers]


def checkers(*, timeout: float | None = None) -> Procedure[list[Model]]:
    """The checkers of claims by cards: `check(checker=…)` and `Grounding(checker=…)` take their names."""
    reply = yield UnaryCall(RPCS["ListModels"], catalog_pb2.ListModelsRequest(), timeout)
    return [reading_server.model(one) for one in reply.message.checkers]


def classifiers(*, timeout: float | None = None) -> Procedure[list[Model]]:
    """The classifiers of texts by cards, with their labels: `classify(model=…)` takes their names."""
    reply = yield UnaryCall(RPCS["ListModels"], catalog_pb2.ListModelsRequest(), timeout)
    return [reading_server.model(one) for one in reply.message.classifiers]


def methods(family: str = "", *, timeout: float | None = None) -> Procedure[list[Method]]:
    """The methods that requests can name, with their parameters; of one family, or of all."""
    reply = yield UnaryCall(RPCS["ListMethods"], catalog_pb2.ListMethodsRequest(family=family), timeout)
    return [reading_server.method(one) for one in reply.message.methods]


def server_info(*, timeout: float | None = None) -> Procedure[ServerInfo]:
    """The server's version, its limits, and the state of its services."""
    reply = yield UnaryCall(RPCS["GetServerInfo"], catalog_pb2.GetServerInfoRequest(), timeout)
    return reading_server.server_info(reply.message, call=reply.info)


def endpoints(service: str, *, timeout: float | None = None) -> Procedure[Endpoints]:
    """The replicas of a service that can be asked without this server in between.

    `service` is named as in `server_info().services`, for instance ``"encoder:all-minilm-l6-v2"``. A client
    with the option `direct` asks them itself.
    """
    reply = yield UnaryCall(RPCS["ListEndpoints"], catalog_pb2.ListEndpointsRequest(service=service), timeout)
    return listed(reply.message)


def health(service: str = "", *, timeout: float | None = None) -> Procedure[Health]:
    """What `grpc.health.v1` reports of a service, for instance ``"tieback.v1.IndexService"``.

    Without a name, of the server as a whole. `NotFound` where the server has no such service.
    """
    reply = yield UnaryCall(HEALTH_CHECK, wrappers_pb2.StringValue(value=service), timeout)
    number = reply.message.value
    return reading_server.HEALTH[number] if number < len(reading_server.HEALTH) else Health.UNKNOWN


class ServerMethods:
    """The methods of both clients."""

    spaces = unary(spaces)
    space = unary(space)
    models = unary(models)
    rerankers = unary(rerankers)
    recognisers = unary(recognisers)
    checkers = unary(checkers)
    classifiers = unary(classifiers)
    methods = unary(methods)
    server_info = unary(server_info)
    endpoints = unary(endpoints)
    health = unary(health)
