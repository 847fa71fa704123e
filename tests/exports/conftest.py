"""Fixtures of the nights, which these tests are about too: three calm days, published."""

from __future__ import annotations

from tests.flows.conftest import _quiet_logs, exchange, milled, own

__all__ = ["_quiet_logs", "exchange", "milled", "own"]
