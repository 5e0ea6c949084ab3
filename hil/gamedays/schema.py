"""The JSON schema of game days, for editors that complete and check TOML by one."""

from __future__ import annotations

from typing import Any

from hil.bench import json_schema as schema_of
from hil.gamedays.model import Gameday

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of a game day's file."""
    return schema_of(Gameday, "A game day of qkd-hil")
