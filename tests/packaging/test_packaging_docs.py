"""The documentation speaks of what is there: links, commands with their options, names, code."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hil.ci import _commands as checkout_commands
from hil.ci._environment import Environment
from hil.discovery import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
PAGES = [
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "CHANGELOG.md",
    *sorted((CHECKOUT / "docs").rglob("*.md")),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


class Said(NamedTuple):
    """Something that a page says, and where."""

    page: str
    text: str


def _name(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


def _blocks(*languages: str) -> list[Said]:
    return [
        Said(_name(page), block[2]) for page in PAGES for block in FENCED.finditer(page.read_text()) if block[1] in languages
    ]


def _inline() -> Iterator[Said]:
    for page in PAGES:
        for found in INLINE.finditer(FENCED.sub("", page.read_text())):
            yield Said(_name(page), found[1])


def _commands(*words: str) -> list[Said]:
    """Lines of a shell that begin with one of the words; what stands two spaces further on is said to people."""
    lines = [Said(page, line) for page, block in _blocks("", "sh", "bash", "console") for line in block.splitlines()]
    told = [Said(page, re.split(r"\s{2,}|\s#", text.strip())[0]) for page, text in (*lines, *_inline())]
    found = [said for said in told if said.text.split(" ")[0] in words and " " in said.text]
    return list({said.text: said for said in found}.values())


def _arguments(said: Said) -> list[str]:
    return shlex.split(said.text)[1:]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_to_files(page: Path) -> None:
    """A link inside the tree has something at its end."""
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())]
    inside = [target for target in targets if target and "://" not in target]
    assert [target for target in inside if not (page.parent / target).exists()] == []


def test_the_index_names_every_page() -> None:
    """A page that nobody is led to is not read."""
    index = CHECKOUT / "docs" / "index.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)]+\.md)\)", index.read_text())}
    assert linked == {page.resolve() for page in PAGES if page.is_relative_to(index.parent) and page != index}


@pytest.mark.parametrize("said", _commands("hil"), ids=lambda said: said.text)
def test_hil_commands_exist(said: Said, monkeypatch: pytest.MonkeyPatch, pytest_options: set[str]) -> None:
    """Each command of the page is one that the program takes, with its options."""
    cli = import_module("hil.cli")
    if len(_arguments(said)) == 1:  # prose speaks of `hil run` without saying of what
        assert _arguments(said)[0] in cli.COMMANDS
        return
    executed: list[Any] = []

    def execute(arguments: Any) -> int:
        executed.append(arguments)
        return 0

    for module in cli.COMMANDS.values():
        monkeypatch.setattr(import_module(f"hil.cli.{module}"), "execute", execute)
    assert cli.main(_arguments(said)) == 0, said
    assert len(executed) == 1
    assert _options(executed[0].pytest) <= pytest_options


def _declared(command: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """(command, option) of everything that a command takes, and of its actions (`hil slo export`)."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from _declared(f"{command} {name}", inner)
        else:
            yield from ((command, option) for option in action.option_strings if option.startswith("--") and option != "--help")


def test_every_option_is_in_the_table_of_commands() -> None:
    """In its command's row, or in the row that one refers to (`as hil run`, `the windows of hil slo export`)."""
    page = (CHECKOUT / "docs" / "reference" / "cli.md").read_text()
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(hil [^`]+)`.*$", page, re.MULTILINE)}

    def told(command: str) -> str:
        (row,) = [row for name, row in rows.items() if f"{name} ".startswith(f"{command} ")]
        others = re.findall(r"(?:as|windows of) `(hil \w+(?: (?:export))?)", row)
        return row + "".join(told(other) for other in others if other != command)

    missing = []
    for name, module in import_module("hil.cli").COMMANDS.items():
        parser = argparse.ArgumentParser()
        import_module(f"hil.cli.{module}").declare(parser)
        missing += [
            f"{command}: {option}"
            for command, option in _declared(f"hil {name}", parser)
            if not re.search(rf"`[^`]*{option}\b", told(command))
        ]
    assert not missing


@pytest.mark.parametrize("said", _commands("pytest"), ids=lambda said: said.text)
def test_pytest_options_exist(said: Said, pytest_options: set[str]) -> None:
    """An option of a page is one that pytest has with this plugin."""
    assert _options(_arguments(said)) <= pytest_options


@pytest.mark.parametrize("said", _commands("ci/test", "ci/conformance", "ci/benchmark", "ci/chaos"), ids=lambda said: said.text)
def test_commands_of_the_checkout_exist(said: Said, monkeypatch: pytest.MonkeyPatch, pytest_options: set[str]) -> None:
    """Steps and options are those that the commands take; the rest is pytest's."""
    to_pytest: list[str] = []

    def become(_environment: object, *command: str, variables: object = None) -> int:
        to_pytest.extend(command)
        return 0

    monkeypatch.setattr(checkout_commands, "prepare", lambda *_arguments, **_options: Environment(CHECKOUT))
    monkeypatch.setattr(checkout_commands, "prepare_peers", lambda _python: None)
    monkeypatch.setattr(checkout_commands, "find_python", lambda _wanted: sys.executable)
    monkeypatch.setattr(checkout_commands, "prepare_machine", lambda: True)
    monkeypatch.setattr(checkout_commands, "_become", become)
    monkeypatch.setattr(checkout_commands, "run_steps", lambda _environment, _steps, extra: become(None, *extra) or [])
    command = getattr(checkout_commands, said.text.split()[0].removeprefix("ci/"))
    assert command(_arguments(said)) == 0
    assert _options(to_pytest) - {"--bench", "--", "-m"} <= pytest_options
    assert (CHECKOUT / said.text.split()[0]).is_file()


@pytest.fixture(scope="session")
def pytest_options() -> set[str]:
    """Every option of pytest with this plugin and xdist, as its help shows them."""
    done = subprocess.run([sys.executable, "-m", "pytest", "--help"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return set(re.findall(r"(?<![\w-])(--?[a-z][\w-]*)", done.stdout))


def _options(arguments: list[str]) -> set[str]:
    return {argument.partition("=")[0] for argument in arguments if re.match(r"--?[a-z]", argument)}


def test_nox_sessions_exist() -> None:
    """A session named on a page is a function of the noxfile."""
    sessions = {
        node.name for node in ast.parse((CHECKOUT / "noxfile.py").read_text()).body if isinstance(node, ast.FunctionDef)
    }
    named = [(said, said.text.split()[2]) for said in _commands("nox")]
    assert named
    assert [said for said, session in named if session not in sessions] == []


@pytest.mark.parametrize("said", _blocks("toml"), ids=lambda said: said.page)
def test_toml_is_toml(said: Said) -> None:
    """It can be copied."""
    assert tomllib.loads(said.text)


@pytest.mark.parametrize("said", _blocks("python"), ids=lambda said: said.page)
def test_python_is_python_with_our_fixtures(said: Said) -> None:
    """It compiles, and the arguments of its tests are fixtures that the plugin has."""
    fixtures = {
        node.name
        for path in (CHECKOUT / "fixtures").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    tests = [node for node in ast.parse(said.text).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert [argument.arg for test in tests for argument in test.args.args if argument.arg not in fixtures] == []


def test_dotted_names_lead_to_something() -> None:
    """``hil.transports.ScriptedPort`` is there."""
    groups = {kind.group for kind in KINDS.values()}
    names = {said.text: said.page for said in _inline() if re.fullmatch(r"hil(\.\w+)+", said.text) and said.text not in groups}
    assert len(names) > 5
    assert {name: page for name, page in names.items() if not _resolves(name)} == {}


def _resolves(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    try:
        import_module(name)
    except ImportError:
        try:
            return hasattr(import_module(module), attribute)
        except ImportError:
            return False
    return True


def test_contributing_draws_the_layers_that_are_checked() -> None:
    """The picture and the contract are one."""
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    (picture,) = (text for page, text in _blocks("") if page == "CONTRIBUTING.md" and text.startswith("plugin"))
    drawn = [re.split(r"\s{2,}", line)[0] for line in picture.splitlines()]
    assert drawn == [layer.replace("(", "").replace(")", "") for layer in layers]
