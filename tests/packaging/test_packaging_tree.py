"""What holds for every file of the tree."""

from __future__ import annotations

import ast
import importlib
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
MAPPED = ("device_sims", "fixtures", "suites", "reports", "ci")
FOLDERS = ("hil", *MAPPED, "tests", "docs", ".ci")
# who a link may lead to: the papers, standards and projects that code and docs lean on, and names that lead nowhere
LINKED = (
    "arxiv.org",
    "doi.org",
    "docs.pytest.org",
    "example",
    "json-schema.org",
    "keepachangelog.com",
    "localhost",
    "peps.python.org",
    "semver.org",
    "www.apache.org",
    "www.etsi.org",
    "www.w3.org",
)


def _files() -> list[Path]:
    inside = [path for folder in FOLDERS for path in sorted((CHECKOUT / folder).rglob("*"))]
    top = [path for path in sorted(CHECKOUT.iterdir()) if path.suffix in {".md", ".py", ".toml", ".txt", ""}]
    return [path for path in (*top, *inside) if path.is_file() and path.name != ".git" and "__pycache__" not in path.parts]


FILES = _files()
PYTHON = [path for path in FILES if path.suffix == ".py"]
PACKAGE = [path for path in PYTHON if path.relative_to(CHECKOUT).parts[0] in {"hil", *MAPPED}]


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path)


def _name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def _texts() -> Iterator[tuple[str, str]]:
    for path in FILES:
        if b"\0" not in (content := path.read_bytes()):
            yield _name(path), content.decode()


def _declared(module: ast.Module) -> list[str] | None:
    for node in module.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            names: list[str] = ast.literal_eval(node.value)
            return names
    return None


def _defined(module: ast.Module) -> set[str]:
    """Classes, functions, constants and aliases that a module makes itself."""
    found: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def _bound(module: ast.Module) -> set[str]:
    """What is there to be re-exported, with what is loaded on first use."""
    imported = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return imported | _defined(module)


MODULES = [path for path in PACKAGE if not path.name.startswith(("test_", "conftest"))]


def test_the_tree_was_found() -> None:
    """The tests below would hold for nothing in an empty folder."""
    assert len(PACKAGE) > 100
    assert {"README.md", "pyproject.toml", ".ci/run", "ci/test", "hil/errors.py", "docs/index.md"} <= {
        _name(path) for path in FILES
    }


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_public_names_are_sorted_and_there(path: Path) -> None:
    """A module says what it is for, and its sorted ``__all__`` (constants, classes, the rest) names what it has."""
    module = _parse(path)
    assert ast.get_docstring(module), "no docstring"
    declared = _declared(module)
    if declared is None:
        assert not {name for name in _defined(module) if not name.startswith(("_", "pytest_"))}, "public names without __all__"
        return
    assert declared == sorted(set(declared), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert set(declared) <= _bound(module)


def test_only_public_names_are_imported() -> None:
    """What one module takes from another by name is in that module's ``__all__``."""
    offered = {_dotted(path): names for path in MODULES if (names := _declared(_parse(path))) is not None}
    hidden = []
    for path in PACKAGE:
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.ImportFrom) and (source := _source(node, path)) in offered:
                known = (*offered[source], *(name.removeprefix(f"{source}.") for name in offered if name.startswith(source)))
                hidden += [f"{_name(path)}:{node.lineno} {alias.name}" for alias in node.names if alias.name not in known]
    assert not hidden


def _dotted(path: Path) -> str:
    name = _name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return name if name.split(".")[0] == "hil" else f"hil.{name}"


def _source(node: ast.ImportFrom, path: Path) -> str:
    """Full name of the module that an import takes from, relative or not."""
    if not node.level:
        return node.module or ""
    package = _dotted(path).split(".")
    kept = len(package) - node.level + (path.name == "__init__.py")
    return ".".join([*package[:kept], *([node.module] if node.module else [])])


def test_mapped_folders_are_never_imported_by_their_bare_name() -> None:
    """They are import names of strangers' packages; here they are ``hil.…``."""
    bare = []
    for path in PYTHON:
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            bare += [f"{_name(path)}:{node.lineno}" for name in names if name.split(".")[0] in MAPPED]
    assert not bare


def test_nothing_imports_from_a_test_file() -> None:
    """A test file is imported by pytest under a name of its own."""
    pattern = re.compile(r"^\s*(?:from|import) \S*\btest_\w+", re.MULTILINE)
    assert [_name(path) for path in PYTHON if pattern.search(path.read_text())] == []


def test_test_file_names_are_unique() -> None:
    """Two test files of one name made a failing test vanish under two workers."""
    names = Counter(path.name for path in PYTHON if path.name.startswith("test_"))
    assert [name for name, number in names.items() if number > 1] == []


def test_no_test_sleeps() -> None:
    """A test waits for what it waits for, or moves a clock."""
    sleeping = []
    for path in PYTHON:
        if path.relative_to(CHECKOUT).parts[0] not in {"tests", "suites"}:
            continue
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"time.sleep", "asyncio.sleep"}:
                sleeping.append(f"{_name(path)}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and node.module == "time" and "sleep" in {alias.name for alias in node.names}:
                sleeping.append(f"{_name(path)}:{node.lineno}")
    assert not sleeping


def test_what_tests_would_skip_without_is_there() -> None:
    """Extra ``dev`` brings it: a wheel that broke would turn every test of it into a skip, and nothing red."""
    wanted = {
        str(node.args[0].value)
        for path in PYTHON
        if path.relative_to(CHECKOUT).parts[0] == "tests"
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.importorskip"
        and isinstance(node.args[0], ast.Constant)
    }
    assert "numba" in wanted
    assert [name for name in sorted(wanted) if _cannot_import(name)] == []


def _cannot_import(name: str) -> str:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return str(error)
    return ""


def test_simulators_read_no_wall_clock() -> None:
    """They are told the time."""
    pattern = re.compile(r"\btime\.(time|monotonic|perf_counter|sleep)(_ns)?\(|datetime\.now\(|\butcnow\(")
    where = CHECKOUT / "device_sims"
    found = [_name(path) for folder in ("world", "instruments", "transceivers") for path in (where / folder).rglob("*.py")]
    assert found
    assert [name for name in found if pattern.search((CHECKOUT / name).read_text())] == []


def test_all_randomness_is_seeded() -> None:
    """No generator is made without a seed, and the global ones are left alone, but where a peer draws from numpy's."""
    pattern = re.compile(r"default_rng\(\s*\)|^\s*(import random|from random import)\b|np\.random\.seed", re.MULTILINE)
    allowed = {Path(__file__).name, "peer_sequence.py"}
    assert [_name(path) for path in PYTHON if path.name not in allowed and pattern.search(path.read_text())] == []


def test_links_lead_where_they_may() -> None:
    """No package index, no machine and no stranger is named by address."""
    pattern = re.compile(r"https?://[^\s\[\"'`)>\]}]+")
    strange = [
        f"{name}: {found[0]}"
        for name, text in _texts()
        if name != "LICENSE"
        for found in pattern.finditer(text)
        if (host := _host(found[0])) and not _may_be_linked(host)
    ]
    assert not strange


def _host(url: str) -> str:
    """Empty where the address is none, as in tests of what refuses one."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _may_be_linked(host: str) -> bool:
    made_up = "." not in host or host.endswith((".lab", ".example", ".test", ".invalid")) or host == "127.0.0.1"
    return made_up or host in LINKED


def test_no_file_tells_where_packages_come_from() -> None:
    """That is up to the machine's own configuration."""
    pattern = re.compile("(--|_)(extra-)?" + r"index[-_]url|--find" + r"-links|\btrusted" + "-host")
    assert [name for name, text in _texts() if pattern.search(text)] == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    """Paths are of the checkout, of the system, or of a temporary folder that is asked for."""
    pattern = re.compile(r"(?<![\w.}~<])/(work|root|home|Users)/\w")
    assert [name for name, text in _texts() if pattern.search(text)] == []
