"""The gateway's process: passes calls on, serves the pipeline and the catalog, and joins the metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from tieback.core.errors import StartupError
from tieback.core.types import Modality
from tieback.serving import assembly, logs, targets
from tieback.serving.contract import SERVICES
from tieback.serving.credentials import server_credentials
from tieback.serving.directory import DIRECTORY
from tieback.serving.gateway import PASSED_SERVICES, Passage
from tieback.serving.inner import channel_maker, inner_settings
from tieback.serving.mesh import Mesh
from tieback.serving.metrics_page import MetricsPage
from tieback.serving.remote import RemoteEncoder, RemoteGenerator, RemoteIndex, RemoteReranker, RemoteRouter
from tieback.serving.replica import join_address
from tieback.serving.scrape import MetricsListener, Scraper
from tieback.serving.server import GrpcServer
from tieback.serving.servicers.answer import AnswerServicer
from tieback.serving.servicers.catalog import CatalogServicer, JointSpace, ServiceState
from tieback.serving.settings import Settings
from tieback.serving.telemetry import Telemetry

log = logging.getLogger(__name__)
_TAKEOVER_SECONDS = 1.0
