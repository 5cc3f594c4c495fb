"""Where and how to serve. Every setting is an environment variable with the prefix ``TIEBACK_``."""

from __future__ import annotations

import dataclasses
import enum
import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from tieback.core.errors import StartupError
from tieback.core.types.limits import Limits

PREFIX = "TIEBACK_"
LONGEST_VALUE = 60
"""Characters of a wrong value that are told."""
# Variables of the client, of scripts/setup and of the benchmarks, which a server's environment may hold too.
_OTHERS = {"SERVER", "TOKEN", "COLLECTION", "TORCH_INDEX", "DATA"}
_LIMITS = Limits()
# A processor gains nothing by larger batches, and a GPU finds its own measure below this.
_BATCH_TOKENS = {"cpu": 512, "cuda": 16_384}
Names = Annotated[tuple[str, ...], NoDecode]
NO_BINDING = "none"


class Regions(enum.StrEnum):
    """How the regions of pictures are stored."""

    OFF = "off"
    """Not at all: a picture is its whole."""
    TOGETHER = "together"
    """In the one vector of the picture, where they count as much as the whole."""
    EACH = "each"
    """In vectors of their own, beside the whole's."""


# What the setting was before it had three values: a switch.
_SWITCH = dict.fromkeys(("true", "1", "yes", "on", "y", "t"), Regions.TOGETHER) | dict.fromkeys(
    ("false", "0", "no", "n", "f"), Regions.OFF
)


class Settings(BaseSettings):
    """What the deployment decides; cards decide what is served."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    models: Path = Field(Path("~/.cache/tieback"), description="The model store.")
    store: Path = Field(Path("store"), description="The index's store; one server at a time.")
    originals_bytes: int = Field(
        16 * 1024**3,
        ge=0,
        description="Bytes of pictures, sounds and clouds that the store keeps to encode them again "
        "(`tieback reindex`), of all tenants together; 0 keeps none.",
    )
    retired_spaces: int = Field(
        2,
        ge=0,
        le=16,
        description="Spaces that are no longer served, loaded at once to search collections in them while "
        "their models are in the store; in one process alone. 0 loads none.",
    )
    cards: Path | None = Field(None, description="A folder of further cards.")
    spaces: Names = Field(
        (), description="Spaces to serve, separated by commas; empty for all but the optional."
    )
    binding: str = Field(
        "",
        description="The binding that makes the joint space: a revision in the model store, or a folder; "
        "empty for the store's default, which `tieback models pull` makes; none for class names.",
    )
    binding_canary: str = Field(
        "",
        pattern=r"^$|^.+:(100|[0-9]{1,2})(\.[0-9]+)?$",
        description="REVISION:PERCENT: that share of the queries is weighted by another binding's routers.",
    )
    binding_shadow: str = Field(
        "", description="A binding whose routers are asked beside the served one's, and only compared."
    )
    regions: Regions = Field(
        Regions.OFF,
        description="Whether pictures are stored by their regions too, which is ten times the work: off; "
        "together, in one vector; each, in a vector of its own, which finds best and takes six times the "
        "memory. Needs a binding.",
    )
    encode_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of the time left for which a query waits for spaces that have not answered.",
    )
    generator: str = Field("", description="The model that writes; empty for the catalog's first.")
    generator_enabled: bool = Field(True, description="Whether to serve a model that writes.")

    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(50051, ge=0, le=65535, description="The public gRPC port; 0 for a free one.")
    health_port: int | None = Field(
        None, ge=0, le=65535, description="A plaintext port for health checks beside a TLS one."
    )
    metrics_port: int | None = Field(
        9464, ge=0, le=65535, description="The Prometheus scrape port; empty for none."
    )

    metric_tenants: int = Field(
        50, ge=0, description="Tenants that each process counts by name; the others are counted as _other."
    )

    tls_certificate: Path | None = Field(None, description="PEM chain of the server; turns TLS on.")
    tls_key: Path | None = Field(None, description="PEM key of the server.")
    tls_client_ca: Path | None = Field(
        None, description="PEM of the authority that signs client certificates; turns mTLS on."
    )
    tokens: Path | None = Field(
        None,
        description="YAML file of tenants with their tokens' digests, roles, shares and quotas; re-read.",
    )

    message_bytes: int = Field(_LIMITS.message_bytes, gt=0, description="Bytes of one message.")
    batch_items: int = Field(_LIMITS.batch_items, gt=0, description="Items of one batch.")
    text_bytes: int = Field(_LIMITS.text_bytes, gt=0, description="Bytes of one text.")
    image_pixels: int = Field(_LIMITS.image_pixels, gt=0, description="Pixels of one picture.")
    audio_seconds: float = Field(_LIMITS.audio_seconds, gt=0, description="Seconds of one sound.")
    points: int = Field(_LIMITS.points, gt=0, description="Points of one cloud.")
    queued_tokens: int = Field(
        _LIMITS.queued_tokens, gt=0, description="Tokens waiting in one replica before it refuses more."
    )
    query_parts: int = Field(_LIMITS.query_parts, gt=0, description="Contents of one query.")
    rerank_tokens: int = Field(
        _LIMITS.rerank_tokens,
        gt=0,
        description="Rows of the multi-vector of a query or candidate to rerank; longer contents are cut.",
    )
    rerank_steps: int = Field(
        _LIMITS.rerank_steps,
        gt=0,
        description="Work waiting in the reranker before it refuses more: rows of the query × rows of the "
        "candidates × passes of the method. One candidate may be a sixteenth of it.",
    )
    decoded_bytes: int = Field(
        _LIMITS.decoded_bytes,
        gt=0,
        description="Bytes of decoded pictures, sounds and clouds that one process holds at a time.",
    )
    stop_texts: int = Field(_LIMITS.stop_texts, gt=0, description="Stop texts of one answer.")
    stop_bytes: int = Field(_LIMITS.stop_bytes, gt=0, description="Bytes of one stop text.")
    name_bytes: int = Field(_LIMITS.name_bytes, gt=0, description="Bytes of an id, a name, a title, a URI.")
    sections: int = Field(_LIMITS.sections, gt=0, description="Sections of one item.")
    entries: int = Field(
        _LIMITS.entries, gt=0, description="Entries of a map, of metadata, of a method's parameters."
    )
    fields: int = Field(_LIMITS.fields, gt=0, description="Fields of one message, nested ones included.")
    request_bytes: int = Field(
        _LIMITS.request_bytes, gt=0, description="Bytes of the requests that one process works on at a time."
    )
    open_calls: int = Field(
        _LIMITS.open_calls, gt=0, description="Calls open at once in one process; more are refused."
    )
    tenant_calls: int = Field(
        _LIMITS.tenant_calls,
        gt=0,
        description="Calls open at once of one tenant in one process; more are refused.",
    )
    connection_calls: int = Field(
        _LIMITS.connection_calls,
        gt=0,
        description="Calls open at once on one connection; more wait at the caller's side.",
    )
    metadata_key_bytes: int = Field(
        _LIMITS.metadata_key_bytes, gt=0, description="Bytes of one key of an item's metadata."
    )
    metadata_bytes: int = Field(
        _LIMITS.metadata_bytes, gt=0, description="Bytes of an item's metadata, as JSON."
    )
    collection_keys: int = Field(
        _LIMITS.collection_keys,
        gt=0,
        description="Different keys of metadata in one collection; each is a column in memory.",
    )
    collections: int = Field(
        _LIMITS.collections,
        gt=0,
        description="Collections of the server, those of all tenants together; each holds files and memory.",
    )
    batch_tokens: int = Field(
        0,
        ge=0,
        description="Token budget of one batch, padding included; 0 for 512 on a processor, 16,384 on a GPU.",
    )
    reduction_wait: float = Field(
        0.0,
        ge=0,
        description="Seconds of waiting for a worker from which on texts are encoded on fewer tokens, by the "
        "token reduction that the space's card serves, and the encoding says so; documents that are indexed "
        "meanwhile too. 0 for never.",
    )
    cache_bytes: int = Field(
        64 << 20, ge=0, description="Bytes of encodings that each space keeps in memory; 0 for none."
    )
    cache_disk: Path | None = Field(
        None, description="A folder on a local disk where encodings outlive a restart; empty for none."
    )
    cache_disk_bytes: int = Field(
        1 << 30, ge=1 << 20, description="Bytes of encodings that each space keeps on disk."
    )
    cache_shared: bool = Field(
        False,
        description="Whether tenants share cached encodings: less work, and a tenant can tell by an answer's "
        "source and time whether another has sent the same.",
    )
    generator_slots: int = Field(1, gt=0, description="Answers written at the same time by one replica.")
    generator_seconds: float = Field(
        300.0,
        gt=0,
        description="Seconds that an answer may take, waiting included, whatever its caller's deadline is.",
    )
    stall_seconds: float = Field(
        30.0, gt=0, description="Seconds after which a stream ends whose caller reads nothing of it."
    )
    operations_running: int = Field(
        2, gt=0, description="Operations (`tieback operations`) that run at once; the others wait."
    )
    operations_active: int = Field(
        100, gt=0, description="Operations of one tenant that wait or run; more are refused."
    )
    operations_kept: int = Field(
        100, ge=0, description="Operations of one tenant that are kept when they have ended."
    )
    operations_days: float = Field(
        30.0, ge=0, description="Days for which an operation that has ended is kept."
    )
    evidence: int = Field(4, gt=0, description="Passages that an answer rests on, unless the request says.")

    provider: Literal["cpu", "cuda"] = Field("cpu", description="ONNX Runtime's execution provider.")
    precision: Names = Field(
        (),
        description="What spaces are computed in: float32, int8, or SPACE=PRECISION, separated by commas; "
        "empty for what their cards say.",
    )
    session_threads: int = Field(
        1, gt=0, description="Threads of one model; more than one wait for each other on busy cores."
    )
    cuda_graphs: bool = Field(
        False, description="Whether CUDA launches all kernels of a batch of texts at once."
    )
    cuda_tf32: bool = Field(False, description="Whether CUDA may round the factors of float32 products.")
    replicas: int = Field(1, gt=0, description="Replicas of every encoder, on Ray Serve.")
    replicas_max: int = Field(
        0, ge=0, description="Above TIEBACK_REPLICAS: replicas of an encoder follow its load up to so many."
    )
    target_wait: float = Field(
        0.5, gt=0, description="Seconds of waiting for a worker that the number of replicas is held to."
    )
    scale_up_seconds: float = Field(
        10.0, gt=0, description="How long more replicas must be wanted before they are started."
    )
    scale_down_seconds: float = Field(
        300.0, gt=0, description="How long fewer replicas must be wanted before some are ended."
    )
    gateways: int = Field(1, gt=0, description="Gateway processes on the public port, on Ray Serve.")
    direct: bool = Field(
        False, description="Whether encoders take calls of clients too, each on a free port, on Ray Serve."
    )
    coalescing: bool = Field(
        True, description="Whether a gateway sends small Encode calls that wait for a hop on as one."
    )
    replica_cpus: float = Field(0.0, ge=0, description="Cores that Ray reserves for a replica.")
    replica_gpus: float = Field(0.0, ge=0, description="GPUs that Ray reserves for an encoder or generator.")
    pin_resource: str = Field(
        "", description="A Ray resource that machines offer for the gateway and the index to run there."
    )
    connection_seconds: float = Field(
        0.0, ge=0, description="Age at which a connection is asked to reconnect, to re-balance; 0 for never."
    )
    drain_seconds: float = Field(10.0, ge=0, description="Time for running calls to end at shutdown.")

    channelz: bool = Field(
        False, description="Whether to serve grpc.channelz.v1, gRPC's view of its channels."
    )
    otlp_endpoint: str = Field("", description="Where to send OpenTelemetry traces; empty for none.")
    log_format: Literal["text", "json"] = Field("text", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What to log.")
    log_calls: bool = Field(
        True,
        description="Whether a line at info is logged for each call that succeeds: method, tenant, request "
        "id, code, time and sizes; at debug otherwise. Calls that fail are always logged.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("spaces", "precision"):
            names = values.get(name)
            if isinstance(names, str):
                values[name] = tuple(part.strip() for part in names.split(",") if part.strip())
        if "regions" in values:
            regions = str(values["regions"]).lower()
            values["regions"] = _SWITCH.get(regions, regions or Regions.OFF)
        for name in ("metrics_port", "health_port", "cache_disk"):
            if values.get(name) == "":
                values[name] = None
        return values

    @model_validator(mode="after")
    def _paired(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise _wrong("tls_certificate", "it and TIEBACK_TLS_KEY go together; set both or none")
        if 0 < self.replicas_max < self.replicas:
            raise _wrong("replicas_max", f"{self.replicas_max} is below TIEBACK_REPLICAS, {self.replicas}")
        if self.regions is not Regions.OFF and self.binding == NO_BINDING:
            raise _wrong("regions", "it needs a binding: by their classes' names, pictures have no regions")
        for name in ("binding_canary", "binding_shadow"):
            if getattr(self, name) and self.binding == NO_BINDING:
                raise _wrong(name, "it needs a binding, and TIEBACK_BINDING is none")
        if self.binding_canary and float(self.binding_canary.rpartition(":")[2]) > 100:
            raise _wrong("binding_canary", "the percentage is 0 to 100")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise _wrong("tls_client_ca", "it needs TIEBACK_TLS_CERTIFICATE and TIEBACK_TLS_KEY")
        return self

    @property
    def batch_budget(self) -> int:
        """Tokens of one batch at most, padding included."""
        return self.batch_tokens or _BATCH_TOKENS[self.provider]

    @property
    def limits(self) -> Limits:
        """What the server refuses to take: by the settings, or as it always is."""
        names = [one.name for one in dataclasses.fields(Limits) if one.name in Settings.model_fields]
        return Limits(**{name: getattr(self, name) for name in names})


def load_settings(**overrides: object) -> Settings:
    """The settings of this process: `overrides` that are not None, then the environment, then the defaults.

    StartupError names each setting that is unknown, malformed or out of range.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    _refuse_unknown_variables()
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks what the caller could not
    except ValidationError as error:
        faults = "; ".join(map(_shown, error.errors(include_url=False)))
        raise StartupError(f"the settings are not right: {faults}") from None
    except SettingsError as error:
        raise StartupError(f"the settings are not right: {error}") from None


def _wrong(name: str, what: str) -> PydanticCustomError:
    """The error of a setting that does not go with the others, which `_shown` tells by its name."""
    return PydanticCustomError("wrong", "{what}", {"setting": name, "what": what})


def _shown(fault: ErrorDetails) -> str:
    """One fault as a person reads it: the variable, its value where that is short, and what is wrong."""
    name = fault.get("ctx", {}).get("setting") or "_".join(str(part) for part in fault["loc"])
    given = fault["input"] if isinstance(fault["input"], str | int | float) else None
    value = "" if given is None or len(str(given)) > LONGEST_VALUE else f" is {given!r}"
    return f"{PREFIX}{name.upper()}{value}: {fault['msg'].removeprefix('Value error, ')}"


def _refuse_unknown_variables() -> None:
    """A misspelt variable would be a setting that silently is not there."""
    known = {name.upper() for name in Settings.model_fields} | _OTHERS
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        if variable.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/operations.md lists the settings"
            raise StartupError(f"the settings are not right: {variable} is not a setting; {hint}")
