"""The JSON schema that editors check bench files by."""

from __future__ import annotations

import re

from hil import bench


def test_quantities_are_strings_that_match_their_units() -> None:
    """A bare number for a quantity, or a unit of another one, is underlined in the editor."""
    bob = bench.json_schema()["$defs"]["ReceiverDevice"]
    dead_time = bob["properties"]["dead_time"]
    assert dead_time["type"] == "string"
    assert re.search(dead_time["pattern"], "50 ns")
    assert not re.search(dead_time["pattern"], "50 dB")
    assert "dead_time" in bob["required"]
    assert bob["properties"]["efficiency"] == {"type": "number", "exclusiveMinimum": 0.0, "maximum": 1.0}


def test_unknown_keys_and_roles_are_refused() -> None:
    """Tables are closed, and a device's role decides which keys it has."""
    schema = bench.json_schema()
    tables = schema["$defs"]
    assert all(table["additionalProperties"] is False for table in tables.values())
    device = tables["Bench"]["properties"]["device"]["additionalProperties"]
    assert device["discriminator"]["propertyName"] == "role"
    assert {tables[ref["$ref"].rsplit("/", 1)[1]]["properties"]["role"]["enum"][0] for ref in device["anyOf"]} == {
        "transmitter", "pair-source", "receiver", "attenuator", "switch", "power-meter", "temperature-controller", "kme",
            "laser", "detector", "time-tagger", "power-outlet",
        "recording", "repeater-node",
    }  # fmt: skip


def test_no_quantity_keeps_a_bare_number_as_its_default() -> None:
    """A default shown by the editor is one the loader would take."""
    for table in bench.json_schema()["$defs"].values():
        for definition in table["properties"].values():
            if "pattern" in definition:
                assert "default" not in definition
