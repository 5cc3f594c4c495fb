"""Machines and numbers of replicas of the deployments: a part of the settings."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class PlacementSettings(BaseSettings):
    """Values that Ray Serve is told of the deployments; `serving/processes/deployments.py` reads them."""

    replicas: int = Field(
        1,
        gt=0,
        description="Number of replicas of every service that stores nothing: encoders, router, reranker, "
        "generator. On Ray Serve.",
    )
    replicas_per_node: int = Field(
        0,
        ge=0,
        description="Maximum number of replicas of one service on one machine, gateways too. 0: no limit. "
        "With a limit, a rollout stops a replica before it starts the next, so have two. On Ray Serve.",
    )
    replicas_max: int = Field(
        0, ge=0, description="If above TIEBACK_REPLICAS: the maximum of an encoder's autoscaling."
    )
    gateways: int = Field(
        1, gt=0, description="Number of gateway processes on the public port, on Ray Serve."
    )
    direct: bool = Field(
        False, description="Whether clients may call encoders directly, on free ports. Only on Ray Serve."
    )
    replica_cpus: float = Field(0.0, ge=0, description="CPU cores that Ray reserves for a replica.")
    replica_gpus: float = Field(0.0, ge=0, description="GPUs that Ray reserves for a replica with models.")
    pin_resource: str = Field("", description="The Ray resource of the machines on which gateways may run.")
    store_resource: str = Field(
        "", description="The Ray resource of the machine that has the store. Empty: TIEBACK_PIN_RESOURCE."
    )
