"""One self-contained HTML page of a run: nothing is loaded from anywhere, and it reads without scripts; ``report.html``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.ports.spec import ReporterSpec
from hil.record.reader import read_record

from ._page import HELPERS, page
from ._words import clean

if TYPE_CHECKING:
    from hil.record.model import Record

__all__ = ["SPEC", "render"]

_TEMPLATES = Path(__file__).with_name("templates")


def render(record: Record, run: Path) -> str:
    """The page; ``run`` is the folder that holds the series the record names."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= HELPERS | {"soft": _soft}
    own = {name: (_TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "script.js")}
    return environment.get_template("page.html").render(page(record, run), style=own["style.css"], script=own["script.js"])


def _shown(value: Any) -> Any:
    """Text without control characters, which HTML forbids and a reader could be fooled by."""
    return clean(value) if type(value) is str else value


def _soft(name: str) -> Any:
    """A name that may break after its underscores."""
    from markupsafe import Markup, escape

    return Markup(str(escape(clean(name))).replace("_", "_<wbr>").replace("[", "<wbr>["))  # noqa: S704  (escaped just before)


def _write(run: Path) -> Path:
    path = run / "report.html"
    path.write_text(render(read_record(run), run), encoding="utf-8")
    return path


SPEC = ReporterSpec(name="html", title="one self-contained page for people", write=_write)
