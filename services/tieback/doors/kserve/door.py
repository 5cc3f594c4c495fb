"""The door: requests of the protocol in, its answers out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tieback_contract.field_path import at
from tieback_contract.limits import Limits
from tieback_contract.reports import Timing

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, NotFound
from tieback.dialects import kserve_pb2
from tieback.doors.kserve.model import FINAL_RESPONSE, KServeModel, Parameters, TensorSpec, refuse
from tieback.doors.kserve.tensors import Tensor, config_type, read_inputs, write_outputs

PLATFORM = "tieback"
VERSION = "1"
"""Of every model: clients of this protocol read a version as a number. What is served is its revision."""


@dataclass(slots=True)
class _Duration:
    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds

    def fill(self, message: kserve_pb2.StatisticDuration) -> None:
        message.count, message.ns = self.count, max(0, int(self.seconds * 1e9))


@dataclass(slots=True)
class Statistics:
    """Of one model."""

    rows: int = 0
    requests: int = 0
    last: float = 0.0
    success: _Duration = field(default_factory=_Duration)
    fail: _Duration = field(default_factory=_Duration)
    queue: _Duration = field(default_factory=_Duration)
    compute_input: _Duration = field(default_factory=_Duration)
    compute_infer: _Duration = field(default_factory=_Duration)
    compute_output: _Duration = field(default_factory=_Duration)

    def succeeded(self, rows: int, seconds: float, timing: Timing) -> None:
        """Counts a request; what is neither waiting nor the model is its output."""
        self.rows += rows
        self.requests += 1
        self.last = time.time()
        self.success.add(seconds)
        self.queue.add(timing.queue)
        self.compute_input.add(timing.prepare)
        self.compute_infer.add(timing.compute)
        self.compute_output.add(max(0.0, seconds - timing.queue - timing.prepare - timing.compute))

    def failed(self, seconds: float) -> None:
        """Counts a request that was answered with an error."""
        self.fail.add(seconds)

    def message(self, name: str, version: str) -> kserve_pb2.ModelStatistics:
        """The counts of a model."""
        message = kserve_pb2.ModelStatistics(
            name=name,
            version=version,
            last_inference=int(self.last * 1000),
            inference_count=self.rows,
            execution_count=self.requests,
        )
        for part in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
            getattr(self, part).fill(getattr(message.inference_stats, part))
        return message


class Door:
    """The models of the platform by their names."""

    def __init__(self, models: Iterable[KServeModel], limits: Limits) -> None:
        self._models = {model.name: model for model in models}
        self._statistics = {name: Statistics() for name in self._models}
        self._limits = limits

    @property
    def names(self) -> list[str]:
        """All models."""
        return sorted(self._models)

    def model(self, name: str, version: str) -> KServeModel:
        """A model; its version may be left out. NotFound, with the choices, where there is none."""
        model = self._models.get(name)
        if model is None:
            raise NotFound("model", name, self._models)
        if version not in ("", VERSION):
            raise NotFound("version", version, [VERSION])
        return model

    def read(self, request: kserve_pb2.ModelInferRequest) -> dict[str, Tensor]:
        """The inputs of a request, which take memory and time to read."""
        return read_inputs(request, self._limits.numbers)

    async def infer(
        self, request: kserve_pb2.ModelInferRequest, inputs: dict[str, Tensor], deadline: Deadline
    ) -> kserve_pb2.ModelInferResponse:
        """Runs a model on inputs that were read."""
        model = self.model(request.model_name, request.model_version)
        statistics = self._statistics[model.name]
        begun = time.perf_counter()
        try:
            wanted = _check(model, request, inputs, self._limits.batch_items)
            asked = Parameters(request.parameters, at("parameters"), model.parameters)
            outcome = await model.run(inputs, wanted, asked, asked.within(deadline))
        except BaseException:
            statistics.failed(time.perf_counter() - begun)
            raise
        response = kserve_pb2.ModelInferResponse(model_name=model.name, model_version=VERSION, id=request.id)
        if asked.take(FINAL_RESPONSE, bool, False):
            response.parameters["triton_final_response"].bool_param = True
        write_outputs(response, [(name, outcome.outputs[name]) for name in wanted])
        statistics.succeeded(outcome.rows, time.perf_counter() - begun, outcome.timing)
        return response

    def metadata(self, name: str, version: str) -> kserve_pb2.ModelMetadataResponse:
        """The tensors of a model; the first axis is the batch."""
        model = self.model(name, version)
        message = kserve_pb2.ModelMetadataResponse(name=model.name, versions=[VERSION], platform=PLATFORM)
        for specs, tensors in ((model.inputs, message.inputs), (model.outputs, message.outputs)):
            for one in specs:
                tensors.add(name=one.name, datatype=one.datatype, shape=(-1, *one.shape))
        return message

    def config(self, name: str, version: str) -> kserve_pb2.ModelConfigResponse:
        """The same as Triton says it, with the parameters of requests and the revision."""
        model = self.model(name, version)
        config = kserve_pb2.ModelConfig(
            name=model.name,
            platform=PLATFORM,
            backend=PLATFORM,
            max_batch_size=self._limits.batch_items,
            dynamic_batching=kserve_pb2.ModelDynamicBatching(),
        )
        for one in model.inputs:
            config.input.add(
                name=one.name, data_type=config_type(one.datatype), dims=one.shape, optional=one.is_optional
            )
        for one in model.outputs:
            config.output.add(name=one.name, data_type=config_type(one.datatype), dims=one.shape)
        for parameter, said in model.parameters.items():
            config.parameters[parameter].string_value = said
        config.parameters["revision"].string_value = model.revision
        return kserve_pb2.ModelConfigResponse(config=config)

    def statistics(self, name: str, version: str) -> kserve_pb2.ModelStatisticsResponse:
        """The counts of one model, or of all."""
        models = [self.model(name, version)] if name else [self._models[one] for one in self.names]
        return kserve_pb2.ModelStatisticsResponse(
            model_stats=[self._statistics[one.name].message(one.name, VERSION) for one in models]
        )


def _check(
    model: KServeModel, request: kserve_pb2.ModelInferRequest, inputs: dict[str, Tensor], most: int
) -> list[str]:
    """The outputs that are wanted: those that are named, or all. InvalidInput where tensors are wrong."""
    specs = {one.name: one for one in model.inputs}
    for place, message in enumerate(request.inputs):
        field = at("inputs", place)
        refuse(message.parameters, field["parameters"])
        if message.name not in specs:
            raise InvalidInput(
                f"{model.name} has no input {message.name!r}; it has: {', '.join(specs)}",
                field=field["name"],
            )
        _check_input(specs[message.name], inputs[message.name], most)
    missing = [one.name for one in model.inputs if not one.is_optional and one.name not in inputs]
    if missing:
        raise InvalidInput(f"the input {missing[0]!r} is missing", field="inputs")
    offered = [one.name for one in model.outputs]
    for place, output in enumerate(request.outputs):
        field = at("outputs", place)
        refuse(output.parameters, field["parameters"])
        if output.name not in offered:
            raise InvalidInput(
                f"{model.name} has no output {output.name!r}; it has: {', '.join(offered)}",
                field=field["name"],
            )
    named = [output.name for output in request.outputs]
    return list(dict.fromkeys(named)) or offered


def _check_input(spec: TensorSpec, tensor: Tensor, most: int) -> None:
    # Token numbers are INT64 by most tokenizers, and INT32 by some.
    if tensor.datatype != spec.datatype and not {tensor.datatype, spec.datatype} <= {"INT32", "INT64"}:
        raise InvalidInput(
            f"the input {spec.name!r} is {spec.datatype}, not {tensor.datatype}",
            field=tensor.field["datatype"],
        )
    if not 0 < tensor.rows <= most and spec.shape != (-1, 3):
        raise InvalidInput(
            f"{tensor.rows} rows; 1 to {most} are taken", field=tensor.field["shape"], reason="TOO_MANY"
        )
