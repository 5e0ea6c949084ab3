"""The reference page of bench files."""

from __future__ import annotations

from pathlib import Path

from hil import bench, units

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "bench-file.md"


def test_every_key_and_unit_is_on_the_page() -> None:
    """A key that a bench file may hold is explained in the reference, and so is every unit."""
    text = PAGE.read_text()
    tables = bench.json_schema()["$defs"]
    keys = {key for name, table in tables.items() if name != "Bench" for key in table["properties"]}
    missing = sorted(key for key in keys if f"`{key}`" not in text)
    assert not missing
    assert [unit for quantity in units.QUANTITIES.values() for unit in quantity.units if unit and unit not in text] == []
    assert all(
        f'role = "{role["properties"]["role"]["enum"][0]}"' in text for role in tables.values() if "role" in role["properties"]
    )
