"""The suites there are: folders of hil.suites that hold tests. Finding them imports none."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

__all__ = ["suites"]


def suites() -> dict[str, str]:
    """Name of each suite -> what its package says it is."""
    spec = find_spec("hil.suites")
    found: dict[str, str] = {}
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for folder in sorted(Path(root).iterdir()):
            if any(folder.glob("test_*.py")):
                found[folder.name] = _title(folder / "__init__.py")
    return found


def _title(file: Path) -> str:
    try:
        doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    except (OSError, SyntaxError):
        return ""
    return (doc or "").partition("\n")[0]
