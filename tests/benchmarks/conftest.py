"""Benchmarks use the lab, as scripts/bench does."""

from __future__ import annotations

from support.lab import lab as lab
