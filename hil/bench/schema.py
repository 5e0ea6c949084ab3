"""The JSON schema of bench files, for editors that complete and check TOML by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from hil import units
from hil.bench.model import Bench
from hil.bench.wording import bare, is_table, marks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["json_schema"]


def json_schema(model: type[msgspec.Struct] = Bench, title: str = "A bench file of qkd-hil") -> dict[str, Any]:
    """A JSON Schema (2020-12) generated from a model of TOML files: quantities are strings that match their units."""
    schema = msgspec.json.schema(model)
    tables = schema["$defs"]
    for name, table in tables.items():
        table["title"] = name
        for definition in table.get("properties", {}).values():
            if definition.get("default") in ({}, []):
                del definition["default"]
    for cls in _tables(model):
        properties = tables[cls.__name__]["properties"]
        for info in msgspec.structs.fields(cls):
            if quantity := marks(info.type).get("quantity"):
                properties[info.encode_name] = _text_of(quantity)
            elif get_origin(bare(info.type)) is tuple and (quantity := marks(get_args(bare(info.type))[0]).get("quantity")):
                properties[info.encode_name] = {"type": "array", "items": _text_of(quantity)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def _tables(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """Every class of table that a type of the model holds, once or more often."""
    plain = bare(kind)
    if is_table(plain):
        yield plain
        for info in msgspec.structs.fields(plain):
            yield from _tables(info.type)
    else:
        for inner in get_args(plain):
            yield from _tables(inner)


def _text_of(quantity: str) -> dict[str, Any]:
    """A string with a unit of this quantity."""
    return {
        "type": "string",
        "pattern": units.pattern(quantity),
        "examples": [units.QUANTITIES[quantity].example],
        "description": units.accepted(quantity),
    }
