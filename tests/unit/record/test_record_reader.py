"""Reading: a run is found however it is named, and what is no run says so."""

from __future__ import annotations

import json

import jsonschema
import pytest

from hil.errors import UsageError
from hil.record import schema
from hil.record.reader import find_run, read_record
from hil.record.writer import EventLog, RunFolder, RunHeader, finish


@pytest.fixture
def finished(tmp_path):
    folder = RunFolder.create(tmp_path / ".hil", run_id="20260723T081530Z-3fa2c1")
    EventLog(folder, "main").append("test", "smoke::t", outcome="PASS")
    finish(folder, RunHeader(bench="metro-25km", simulated=True, seed=2**62, started=0.0, finished=1.0))
    return folder.path


def test_a_run_is_found_by_any_of_its_names(finished, monkeypatch):
    """Folder, record.json, run id and `latest` all lead to the same run."""
    monkeypatch.chdir(finished.parents[2])
    for name in (finished, finished / "record.json", finished.name, str(finished), "latest", ".hil/latest"):
        assert find_run(name).resolve() == finished
        assert read_record(name).seed == 2**62


def test_what_is_no_run_says_so(finished, tmp_path):
    """Each wrong thing gives one clear usage error."""
    with pytest.raises(UsageError, match="no run at nowhere"):
        read_record("nowhere", tmp_path)
    with pytest.raises(UsageError, match="no last run under"):
        read_record("latest", tmp_path / "empty")
    with pytest.raises(UsageError, match=r"no record\.json in it; expected the folder of a run"):
        read_record(tmp_path)
    path = finished / "record.json"
    whole = path.read_text("utf-8")
    for content, message in (
        (whole[:100], "is no run record"),
        ("[]", "is no run record"),
        (whole.replace('"schema_version": 1', '"schema_version": 99'), "reads up to 1; use a newer one"),
        (whole.replace('"seed"', '"sead"'), "does not fit schema version 1"),
    ):
        path.write_text(content, "utf-8")
        with pytest.raises(UsageError, match=message):
            read_record(finished)
    path.unlink()
    with pytest.raises(UsageError, match=r"before it was finished \(1 events file left\)"):
        read_record(finished)


def test_a_later_reader_ignores_fields_it_does_not_know(finished):
    """A field added without a new schema version does not stop an older reader."""
    path = finished / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"weather": "rain"}), "utf-8")
    assert read_record(finished).bench == "metro-25km"


def test_the_shipped_schema_is_the_models(finished):
    """record.schema.json is what the model generates (`python -m hil.record.schema` writes it), and a real record fits it."""
    assert schema.SHIPPED.read_text("utf-8") == schema.text()
    jsonschema.validate(json.loads((finished / "record.json").read_text("utf-8")), schema.record_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 1}, schema.record_schema())
