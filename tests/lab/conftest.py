"""Tests of the lab: each uses it, as a process does where TIEBACK_EXTENSIONS names it."""

from __future__ import annotations

from client.conftest import run, served  # noqa: F401 - fixtures
from generator.conftest import small_card, small_generator, small_model, small_store  # noqa: F401
from support.lab import lab as lab
