"""Where and how to serve. Every setting is an environment variable with the prefix ``TIEBACK_``."""

from __future__ import annotations

import dataclasses
import enum
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError
from tieback_contract.limits import Limits

from tieback.core.errors import StartupError
from tieback.serving.settings.doors import DoorSettings
from tieback.serving.settings.placement import PlacementSettings

PREFIX = "TIEBACK_"
LONGEST_VALUE = 60
"""Characters of a wrong value that a message shows."""
# Variables of the client, of scripts/setup and of the benchmarks, which a server's environment may hold too.
_OTHERS = {"SERVER", "TOKEN", "COLLECTION", "TORCH_INDEX", "DATA"}


def wrong(name: str, what: str) -> PydanticCustomError:
    """The error of a setting that does not go with the others, which `shown` finds by its name."""
    return PydanticCustomError("wrong", "{what}", {"setting": name, "what": what})


# Pydantic's own words for these are for programmers.
_IN_WORDS = {
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_parsing": "it must be a number",
    "bool_parsing": "it must be true or false",
}


def shown(fault: ErrorDetails) -> str:
    """One fault as a person reads it: the variable, its value where that is short, and what is wrong."""
    name = fault.get("ctx", {}).get("setting") or "_".join(str(part) for part in fault["loc"])
    given = fault["input"] if isinstance(fault["input"], str | int | float) else None
    value = "" if given is None or len(str(given)) > LONGEST_VALUE else f" is {given!r}"
    told = _IN_WORDS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return f"{PREFIX}{name.upper()}{value}: {told}"


def refuse_unknown_variables(settings: Iterable[str]) -> None:
    """StartupError for a misspelt variable, which would be a setting that silently is not there."""
    known = {name.upper() for name in settings} | _OTHERS
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX)
        if variable.startswith(PREFIX) and name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/operations.md lists the settings"
            raise StartupError(f"the settings are not right: {variable} is not a setting; {hint}")


_LIMITS = Limits()
# A processor gains nothing by larger batches, and a GPU finds its own measure below this.
_BATCH_TOKENS = {"cpu": 512, "cuda": 16_384}
_SHARE = re.compile(r"(.+):([0-9]{1,3}(?:\.[0-9]+)?)")
Names = Annotated[tuple[str, ...], NoDecode]
NO_BINDING = "none"
NO_PORT = "none"
NO_TLS = "none"  # said, not left empty: a variable that is empty by mistake must not open a server


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


def regions_named(value: str) -> str:
    """The value of `Regions` that a variable means; a name that is none is returned, to be refused."""
    name = value.lower()
    return _SWITCH.get(name, name or Regions.OFF)


class Settings(PlacementSettings, DoorSettings):
    """What the deployment decides; cards decide what is served."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    models: Path = Field(Path("~/.cache/tieback"), description="The folder of the model store.")
    store: Path = Field(
        Path("store"), description="The folder of the index. One server at a time may use it."
    )
    milvus: str = Field(
        "",
        description="Keeps collections in Milvus: http://HOST:19530, or a folder for Milvus Lite. Empty: in "
        "TIEBACK_STORE.",
    )
    milvus_token: Path | None = Field(None, description="A file with the token for Milvus, or USER:PASSWORD.")
    index_enabled: bool = Field(
        True,
        description="Whether to keep collections. Without an index, a server stores nothing: it encodes, "
        "reranks, checks and generates, and any number of them are alike.",
    )
    originals_bytes: int = Field(
        16 * 1024**3,
        ge=0,
        description="Maximum size of the original pictures, sounds and point clouds that the index keeps for "
        "`tieback reindex`, in bytes, for all tenants together. 0 keeps none.",
    )
    retired_spaces: int = Field(
        2,
        ge=0,
        le=16,
        description="How many retired spaces (not served any more, model in the store) may be loaded at the "
        "same time, to search and upgrade collections in them; with Ray, to upgrade alone. 0: none.",
    )
    cards: Path | None = Field(None, description="A folder with more model cards.")
    spaces: Names = Field(
        (), description="The spaces to serve, separated by commas. Empty: all but the optional ones."
    )
    binding: str = Field(
        "",
        description="The binding of the joint space: a revision in the model store, or a folder. Empty: the "
        "default binding of the store, which `tieback models pull` makes. none: class names.",
    )
    regions: Regions = Field(
        Regions.OFF,
        description="Whether pictures are stored by their regions too, which is ten times the work for an "
        "encoder that sees them one by one: off; together, in one vector of the joint space, which needs a "
        "binding; each, in a vector of its own, which finds best and takes six times the memory.",
    )
    rerankers: Names = Field((), description="The cross-encoders to serve. Empty: all; none: none.")
    checkers: Names = Field(
        (), description="The checkers of your own, by their cards, to serve. Empty: all; none: none."
    )
    default_checker: str = Field(
        "",
        description="The checker of claims where a request names none: a method, or a card. Empty: the best "
        "method of the package. Quotes are compared word by word all the same.",
    )
    recognisers: Names = Field(
        (),
        description="The recognisers of writing and speech to serve. Empty: those of the served modalities "
        "but the optional ones; none: none.",
    )
    extensions: Names = Field(
        (),
        description="Extensions to use, separated by commas: packages that bring further methods, recipes, "
        "kinds of artifacts and stages of queries, such as lab. What is installed and not named here cannot "
        "be asked for.",
    )
    artifacts: Names = Field(
        (),
        description="Folders of learned artifacts to serve, separated by commas, of whatever kinds: rankers, "
        "checkers, judges, decisions, compositions, conditions, contexts. One of a kind that ships takes the "
        "place of the shipped one.",
    )
    trials: Names = Field(
        (),
        description="Artifacts that are tried, separated by commas: FOLDER:PERCENT serves one in the place "
        "of the one of its kind on this percentage of the calls, FOLDER alone only compares it. Of a "
        "binding, also its revision in the store; its routers are tried.",
    )
    generator: str = Field(
        "",
        description="The language model. Empty: smollm2-135m-instruct, whichever other cards there are. "
        "none: no model, so that answers are quoted.",
    )

    host: str = Field("127.0.0.1", description="The address to listen on. 0.0.0.0: all interfaces.")
    port: int = Field(50051, ge=0, le=65535, description="The public gRPC port. 0: a free one.")
    health_port: int | None = Field(
        None, ge=0, le=65535, description="A port without TLS for health checks, if the public port uses TLS."
    )
    metrics_port: int | None = Field(
        9464, ge=0, le=65535, description="The port for Prometheus. Empty or none: none."
    )

    tls_certificate: Path | None = Field(
        None, description="The server's certificate chain (PEM). Turns TLS on. none: as if it were not set."
    )
    tls_key: Path | None = Field(None, description="The server's private key (PEM).")
    tls_client_ca: Path | None = Field(
        None, description="The CA of the client certificates (PEM). Turns mTLS on."
    )
    tokens: Path | None = Field(
        None,
        description="YAML file with tenants, token digests, roles, shares and quotas. Changes are read.",
    )

    message_bytes: int = Field(
        _LIMITS.message_bytes,
        gt=0,
        description="Maximum size of one message, in bytes; of one text, a thirty-second of it.",
    )
    image_pixels: int = Field(
        _LIMITS.image_pixels, gt=0, description="Maximum number of pixels of one picture."
    )
    audio_seconds: float = Field(
        _LIMITS.audio_seconds, gt=0, description="Maximum length of one sound, in seconds."
    )
    queued_tokens: int = Field(
        _LIMITS.queued_tokens, gt=0, description="Maximum number of tokens that wait in one replica."
    )
    decoded_bytes: int = Field(
        _LIMITS.decoded_bytes,
        gt=0,
        description="Maximum memory for decoded pictures, sounds and clouds in one process, in bytes.",
    )
    request_bytes: int = Field(
        _LIMITS.request_bytes, gt=0, description="Maximum size of all requests in one process, in bytes."
    )
    open_calls: int = Field(
        _LIMITS.open_calls,
        gt=0,
        description="Maximum number of open calls in one process, half as many of one tenant. More are "
        "refused.",
    )
    adapter_bytes: int = Field(
        512 << 20, ge=0, description="Maximum size of a merged model's adapters in memory, in bytes."
    )
    cache_bytes: int = Field(
        64 << 20, ge=0, description="Maximum size of each space's cache in memory, in bytes. 0: no cache."
    )
    cache_disk: Path | None = Field(
        None,
        description="A folder on a local disk for a cache that survives restarts, of sixteen times the size. "
        "Empty: none.",
    )
    quote_sentences: int = Field(
        6,
        ge=0,
        description="How many sentences of the passages are encoded beside a quote: those that most likely "
        "answer. Passages that disagree are compared by them. 0: all are encoded.",
    )
    generator_cache_bytes: int = Field(
        1 << 29,
        ge=1 << 20,
        description="Maximum memory for the keys and values of answers in progress, in bytes. "
        "Answers that do not fit wait.",
    )
    stall_seconds: float = Field(
        30.0, gt=0, description="A stream ends if its caller reads nothing for this many seconds."
    )
    operations_running: int = Field(
        2, gt=0, description="Maximum number of running operations (`tieback operations`). More wait."
    )
    provider: Literal["cpu", "cuda"] = Field("cpu", description="The execution provider of ONNX Runtime.")
    precision: Names = Field(
        (),
        description="The numeric precision of encoders: float32, int8, or SPACE=PRECISION, separated by "
        "commas. Empty: the precision in their cards.",
    )
    connection_seconds: float = Field(
        0.0, ge=0, description="Age at which clients must reconnect, for load balancing. 0: never."
    )
    drain_seconds: float = Field(
        10.0, ge=0, description="How long a shutdown waits for running calls, in seconds."
    )

    otlp_endpoint: str = Field("", description="Where to send OpenTelemetry traces. Empty: nowhere.")
    log_format: Literal["text", "json"] = Field("text", description="The format of the log.")
    log_level: Literal["debug", "info", "notice", "warning", "error"] = Field(
        "info",
        description="The lowest level that is logged. info has a line for each call: method, tenant, request "
        "id, code, time and sizes; from notice on, only failed calls have one.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: dict[str, object]) -> dict[str, object]:
        for name in (
            "spaces",
            "rerankers",
            "checkers",
            "recognisers",
            "extensions",
            "artifacts",
            "precision",
            "trials",
        ):
            names = values.get(name)
            if isinstance(names, str):
                values[name] = tuple(part.strip() for part in names.split(",") if part.strip())
        if "regions" in values:
            values["regions"] = regions_named(str(values["regions"]))
        for name in ("http_port", "metrics_port", "health_port", "cache_disk"):
            if values.get(name) == "" or (name.endswith("_port") and values.get(name) == NO_PORT):
                values[name] = None
        for name in ("tls_certificate", "tls_key", "tls_client_ca"):
            if values.get(name) == NO_TLS:
                values[name] = None
        return values

    @model_validator(mode="after")
    def _paired(self) -> Settings:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise wrong("tls_certificate", "it and TIEBACK_TLS_KEY go together; set both or none")
        if 0 < self.replicas_max < self.replicas:
            raise wrong("replicas_max", f"{self.replicas_max} is below TIEBACK_REPLICAS, {self.replicas}")
        if self.milvus and not self.index_enabled:
            raise wrong("milvus", "it keeps collections, and TIEBACK_INDEX_ENABLED is false")
        if self.regions is Regions.TOGETHER and self.binding == NO_BINDING:
            raise wrong("regions", "together needs a binding: only a joint vector is made of several regions")
        if self.milvus and self.regions is Regions.EACH:
            raise wrong("regions", "collections in Milvus keep one vector of a picture; set off or together")
        if any(percent is not None and percent > 100 for _, percent in self.tried):
            raise wrong("trials", "the percentage is 0 to 100")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise wrong("tls_client_ca", "it needs TIEBACK_TLS_CERTIFICATE and TIEBACK_TLS_KEY")
        return self

    @property
    def tried(self) -> list[tuple[str, float | None]]:
        """The artifacts on trial, with the percentage of calls that one takes."""
        found = [_SHARE.fullmatch(one) for one in self.trials]
        pairs = zip(self.trials, found, strict=True)
        return [(name, None) if match is None else (match[1], float(match[2])) for name, match in pairs]

    @property
    def batch_budget(self) -> int:
        """Tokens of one batch at most, padding included."""
        return _BATCH_TOKENS[self.provider]

    @property
    def limits(self) -> Limits:
        """What the server refuses to take: by the settings, or as it always is."""
        names = [one.name for one in dataclasses.fields(Limits) if one.name in Settings.model_fields]
        return Limits(
            **{name: getattr(self, name) for name in names},
            text_bytes=self.message_bytes // 32,
            tenant_calls=max(1, self.open_calls // 2),  # so that there is room for another tenant
        )


def load_settings(**overrides: object) -> Settings:
    """The settings of this process: `overrides` that are not None, then the environment, then the defaults.

    StartupError names each setting that is unknown, malformed or out of range.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    refuse_unknown_variables(Settings.model_fields)
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks what the caller could not
    except ValidationError as error:
        faults = "; ".join(map(shown, error.errors(include_url=False)))
        raise StartupError(f"the settings are not right: {faults}") from None
    except SettingsError as error:
        raise StartupError(f"the settings are not right: {error}") from None
