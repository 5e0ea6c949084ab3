"""The JSON schema of ``record.json``, generated from the model and shipped beside it.

``python -m hil.record.schema`` writes the shipped file again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from hil.record.model import Record

__all__ = ["SHIPPED", "record_schema", "text"]

SHIPPED = Path(__file__).with_name("record.schema.json")


def record_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of a run record."""
    schema = msgspec.json.schema(Record)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A run record of qkd-hil", **schema}


def text() -> str:
    """The schema as the shipped file holds it."""
    return json.dumps(record_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SHIPPED.write_text(text(), encoding="utf-8")
