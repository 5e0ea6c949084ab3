"""What the wheel holds."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="session")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode())


def test_the_wheel_holds_the_tree(wheel: Path, package_files: dict[str, Path]) -> None:
    """No file of the package stays behind but the checkout's commands, and none comes from elsewhere."""
    assert _names(wheel) == set(package_files)


def test_everything_installs_under_one_name(wheel: Path) -> None:
    """``fixtures``, ``reports`` and ``ci`` are names of other people's packages."""
    assert {name.split("/", maxsplit=1)[0] for name in _names(wheel)} == {"hil"}


@pytest.mark.parametrize(
    "name",
    [
        "hil/py.typed",
        "hil/bench/shipped/metro-25km.toml",
        "hil/bench/shipped/metro-25km-black-box.toml",
        "hil/bench/shipped/recorded-pairs.toml",
        "hil/record/record.schema.json",
        "hil/suites/conformance/__init__.py",
    ],
)
def test_the_wheel_holds_what_users_name(wheel: Path, name: str) -> None:
    """A shipped bench, the schema, the typing marker: named here, so that losing them in the tree shows too."""
    assert name in _names(wheel)


def test_the_files_are_those_of_the_tree(wheel: Path, package_files: dict[str, Path]) -> None:
    """Each byte of it."""
    with zipfile.ZipFile(wheel) as archive:
        assert [name for name, path in package_files.items() if archive.read(name) != path.read_bytes()] == []


def test_the_licence_is_declared_and_included(wheel: Path, metadata: Message, tree: Path) -> None:
    """SPDX expression and text."""
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (tree / "LICENSE").read_text()
    assert metadata.get_all("License-File") == ["LICENSE"]
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in archive.namelist())


def test_the_metadata_says_what_it_is(metadata: Message) -> None:
    """Name, Python, and no dependency that only development needs."""
    assert (metadata["Name"], metadata["Requires-Python"]) == ("qkd-hil", ">=3.11")
    plain = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    assert not [line for line in plain if line.startswith(("mypy", "ruff", "pymeasure", "qmi", "nox", "hypothesis"))]
    assert any(line.startswith("pyvisa-py") for line in plain)


def test_a_source_archive_holds_the_package(copy: Path, package_files: dict[str, Path], tmp_path: Path) -> None:
    """The mapped folders are in the archive too."""
    subprocess.run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, copy],
        check=True,
        capture_output=True,
        text=True,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {name.partition("/")[2] for name in opened.getnames()}
    here = {name if (copy / name).exists() else name.removeprefix("hil/") for name in package_files}
    assert here <= inside
