"""A classifier that another server runs, asked as Text Embeddings Inference is: `POST /predict`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from tieback.catalog.base_card import HttpEndpoint
from tieback.catalog.claim_labels import Labels, check_labels
from tieback.catalog.runtimes import Runtime


class ClaimEndpoint(HttpEndpoint):
    """A classifier that another server runs, asked as Text Embeddings Inference is: `POST /predict`.

    `base_url` ends before `/predict`. `labels` says what each label that it answers with means. At most
    `batch` inputs are sent in one request.
    """

    computation = "predict 1"

    runtime: Literal["claim_endpoint"] = "claim_endpoint"
    labels: Labels
    batch: Annotated[int, Field(ge=1, le=1024)] = 32

    _means_support = field_validator("labels")(check_labels)


RUNTIME = Runtime("checker", ClaimEndpoint)
