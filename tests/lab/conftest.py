"""Tests of the lab use it."""

from __future__ import annotations

from support.lab import lab as lab
