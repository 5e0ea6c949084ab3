"""Environments of a checkout: which Python, made when, kept how long."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from hil.ci import _environment as environment
from hil.ci._progress import StepFailedError

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, with what environments are made from."""
    for name in ("pyproject.toml", "setup.py", "constraints.txt"):
        shutil.copy(environment.CHECKOUT / name, tmp_path / name)
    monkeypatch.setattr(environment, "CHECKOUT", tmp_path)
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Every command that would have run; making the virtual environment makes a Python that is this one."""
    seen: list[list[str]] = []

    def watch(_label: str, command: list[str], *, cwd: Path, env: object = None) -> str:
        seen.append(command)
        if command[1:3] == ["-m", "venv"]:
            python = environment.Environment(Path(command[3])).python
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return ""

    monkeypatch.setattr(environment, "watch", watch)
    return seen


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
class TestFindPython:
    """Which interpreter a command uses."""

    def test_the_running_one_is_the_default(self) -> None:
        """Nothing is looked for where nothing was asked for."""
        assert environment.find_python() == sys.executable

    def test_a_shim_that_does_not_work_is_passed_over(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first on PATH only says which versions it has; the second one works."""
        for name, text in (("shims", "echo 'command not found' >&2; exit 127"), ("bin", f'exec {sys.executable} "$@"')):
            (tmp_path / name).mkdir()
            _script(tmp_path / name / f"python{HERE}", text)
        monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{tmp_path / 'bin'}")
        assert environment.find_python(HERE) == str(tmp_path / "bin" / f"python{HERE}")

    def test_a_version_of_pyenv_is_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Installed there and not active is good enough."""
        home = tmp_path / "versions" / f"{HERE}.1" / "bin"
        home.mkdir(parents=True)
        _script(home / f"python{HERE}", f'exec {sys.executable} "$@"')
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
        assert environment.find_python(HERE) == str(home / f"python{HERE}")

    def test_a_liar_is_passed_over(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """``python3.99`` that is another version is no 3.99."""
        _script(tmp_path / "python3.99", f'exec {sys.executable} "$@"')
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
        with pytest.raises(environment.PythonNotFoundError, match=r"no Python 3\.99 .* --python PATH"):
            environment.find_python("3.99")

    def test_a_path_is_taken_as_it_is(self) -> None:
        """And refused when nothing answers there."""
        assert environment.find_python(sys.executable) == sys.executable
        with pytest.raises(environment.PythonNotFoundError, match=r"'python-of-nobody' is no Python 3\.11 or later"):
            environment.find_python("python-of-nobody")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a virtual environment is a symlink")
class TestPrepare:
    """Environments are made once."""

    def test_it_installs_what_the_constraints_say(self, checkout: Path, commands: list[list[str]]) -> None:
        """Pinned versions, this package editable, and where packages come from is left to pip."""
        made = environment.prepare("test", sys.executable, extra="dev")
        assert made.folder == checkout / ".hil" / "venv" / f"test-{HERE}"
        installs = [command for command in commands if "pip" in command]
        assert all(command[command.index("--constraint") + 1] == str(checkout / "constraints.txt") for command in installs)
        assert installs[-1][-2:] == ["--editable", ".[dev]"]
        assert not [part for command in commands for part in command if "index" in part or "links" in part]

    def test_it_is_kept_while_nothing_changed(self, checkout: Path, commands: list[list[str]]) -> None:
        """The second run installs nothing."""
        environment.prepare("test", sys.executable)
        commands.clear()
        environment.prepare("test", sys.executable)
        assert commands == []
        assert (checkout / ".hil").is_dir()

    @pytest.mark.parametrize("name", ["constraints.txt", "setup.py"])
    def test_it_is_made_anew_when_it_would_be_another(self, checkout: Path, commands: list[list[str]], name: str) -> None:
        """Another pin, another mapping."""
        environment.prepare("test", sys.executable)
        commands.clear()
        (checkout / name).write_text((checkout / name).read_text() + "\n# another\n")
        environment.prepare("test", sys.executable)
        assert any("pip" in command for command in commands)

    def test_a_new_dependency_counts_and_a_new_lint_rule_does_not(self, checkout: Path, commands: list[list[str]]) -> None:
        """Only what is installed from pyproject.toml matters."""
        environment.prepare("test", sys.executable)
        settings = checkout / "pyproject.toml"
        for old, new, made in (("[tool.ruff]", "[tool.ruff]\nfix = false", False), ('"rich>=13"', '"rich>=13.1"', True)):
            commands.clear()
            settings.write_text(settings.read_text().replace(old, new))
            environment.prepare("test", sys.executable)
            assert bool(commands) is made

    def test_half_an_environment_is_none(
        self, checkout: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was interrupted while installing is made anew."""
        whole = environment.watch

        def broken(label: str, command: list[str], **options: object) -> str:
            if "--constraint" in command:
                raise StepFailedError("no route to host")
            return whole(label, command, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(environment, "watch", broken)
        with pytest.raises(StepFailedError, match="no route to host"):
            environment.prepare("test", sys.executable)
        monkeypatch.setattr(environment, "watch", whole)
        commands.clear()
        environment.prepare("test", sys.executable)
        assert any("pip" in command for command in commands)

    def test_an_environment_that_is_not_editable_gets_the_package_each_time(
        self, checkout: Path, commands: list[list[str]]
    ) -> None:
        """It holds a copy, which would be the old one."""
        environment.prepare("benchmark", sys.executable, editable=False)
        commands.clear()
        environment.prepare("benchmark", sys.executable, editable=False)
        assert [command[-1] for command in commands] == ["."]
        assert "--force-reinstall" in commands[0]


def test_variables_that_reach_outside_stay_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another environment's path is not inherited; the environment's own scripts come first."""
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    made = environment.Environment(tmp_path)
    assert "PYTHONPATH" not in made.variables()
    assert made.variables()["PATH"].startswith(str(made.scripts))
