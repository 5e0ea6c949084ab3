"""The JSON schema of bench files, for editors that complete and check TOML by one."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from hil import units
from hil.bench.model import Bench, Contract, Device, Eve, Fibre, Link
from hil.bench.wording import marks

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) generated from the model: quantities are strings that match their units."""
    schema = msgspec.json.schema(Bench)
    tables = schema["$defs"]
    for name, table in tables.items():
        table["title"] = name
        for definition in table.get("properties", {}).values():
            if definition.get("default") in ({}, []):
                del definition["default"]
    for cls in (*get_args(Device), Fibre, Link, Contract, Eve):
        properties = tables[cls.__name__]["properties"]
        for info in msgspec.structs.fields(cls):
            if quantity := marks(info.type).get("quantity"):
                properties[info.encode_name] = {
                    "type": "string",
                    "pattern": units.pattern(quantity),
                    "examples": [units.QUANTITIES[quantity].example],
                    "description": units.accepted(quantity),
                }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A bench file of qkd-hil", **schema}
