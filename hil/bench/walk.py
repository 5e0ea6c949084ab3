"""From raw TOML tables towards the model, collecting every mistake on the way instead of stopping at the first.

A table that has mistakes still yields what is right in it, so that references between tables are checked all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import msgspec

from hil import units
from hil.bench.wording import accepted_form, bare, is_table, is_union, marks, nearest, show
from hil.errors import Mistake, UsageError

if TYPE_CHECKING:
    from msgspec import Struct

__all__ = ["Walked", "build", "readable", "walk"]


class _Broken:
    """Stands for a value that could not be read; its mistake is noted already."""


_BROKEN = _Broken()


@dataclass
class Walked:
    """A table on its way to become ``cls``: the attributes that could be read."""

    cls: type[Struct]
    values: dict[str, Any] = field(default_factory=dict)

    def get(self, attribute: str) -> Any:
        """The attribute's value; None where it is missing or wrong."""
        return self.values.get(attribute)

    def tables(self, attribute: str) -> dict[str, Walked]:
        """The tables below this one, by name, without those that could not be read at all."""
        return {name: table for name, table in (self.get(attribute) or {}).items() if isinstance(table, Walked)}


@dataclass(frozen=True)
class _Place:
    """Where in the file a value stands, which table class owns it, and where mistakes go."""

    where: str
    owner: type[Struct]
    mistakes: list[Mistake]

    def refuse(self, found: str, expected: str) -> _Broken:
        self.mistakes.append(Mistake(self.where, found, expected))
        return _BROKEN

    def key(self, key: str) -> _Place:
        return _Place(_join(self.where, key), self.owner, self.mistakes)

    def item(self, number: int) -> _Place:
        return _Place(f"{self.where}[{number}]", self.owner, self.mistakes)


def walk(raw: object, cls: type[Struct], where: str, mistakes: list[Mistake]) -> Walked:
    """Read a table of the file."""
    walked = Walked(cls)
    place = _Place(where, cls, mistakes)
    if not isinstance(raw, dict):
        place.refuse(show(raw), "a table")
        return walked
    fields = {info.encode_name: info for info in msgspec.structs.fields(cls)}
    tag_field = cls.__struct_config__.tag_field
    known = [tag_field, *fields] if tag_field else list(fields)
    for key in raw:
        if key not in known:
            place.key(key).refuse("an unknown key", nearest(key, known))
    for key, info in fields.items():
        if key in raw:
            value = _value(raw[key], info.type, place.key(key))
            if value is not _BROKEN:
                walked.values[info.name] = value
        elif info.required:
            place.key(key).refuse("nothing", accepted_form(info.type))
        else:
            made = info.default_factory is not msgspec.NODEFAULT
            walked.values[info.name] = info.default_factory() if made else info.default
    return walked


def build(walked: Any) -> Any:
    """The frozen object of a table that was read without a mistake."""
    if isinstance(walked, Walked):
        return walked.cls(**{name: build(value) for name, value in walked.values.items()})
    if isinstance(walked, dict):
        return {name: build(value) for name, value in walked.items()}
    if isinstance(walked, tuple):
        return tuple(build(value) for value in walked)
    return walked


def readable(walked: Any) -> Any:
    """What could be read of a table with mistakes, under the attributes of its class; None for what could not.

    So that the rest of a file is checked all the same, and every mistake is told in one go.
    """
    if isinstance(walked, Walked):
        return SimpleNamespace(**{info.name: readable(walked.get(info.name)) for info in msgspec.structs.fields(walked.cls)})
    if isinstance(walked, dict):
        return {name: readable(value) for name, value in walked.items() if value is not _BROKEN}
    if isinstance(walked, tuple):
        return tuple(readable(value) for value in walked)
    return walked


def _value(raw: object, kind: Any, place: _Place) -> Any:
    own = marks(kind)
    plain = bare(kind)
    tables = [member for member in (plain, *(get_args(plain) if is_union(plain) else ())) if is_table(member)]
    if "quantity" in own:
        value = _quantity(raw, kind, own["quantity"], place)
    elif len(tables) > 1:
        value = _tagged(raw, tables, place)
    elif tables:
        value = walk(raw, tables[0], place.where, place.mistakes)
    elif get_origin(plain) is dict:
        value = _settings(raw, own["settings"], place) if "settings" in own else _mapping(raw, plain, place)
    elif get_origin(plain) is tuple:
        value = _list(raw, plain, place)
    else:
        value = _scalar(raw, kind, place)
    return value


def _scalar(raw: object, kind: Any, place: _Place) -> Any:
    try:
        value = msgspec.convert(raw, kind)
    except msgspec.ValidationError:
        return place.refuse(show(raw), accepted_form(kind, raw))
    if isinstance(value, float) and not math.isfinite(value):
        return place.refuse(show(raw), accepted_form(kind))
    return value


def _quantity(raw: object, kind: Any, quantity: str, place: _Place) -> Any:
    try:
        if isinstance(raw, str):
            return msgspec.convert(units.parse(raw, quantity), kind)
    except (UsageError, msgspec.ValidationError):
        pass
    return place.refuse(show(raw), accepted_form(kind))


def _tagged(raw: object, tables: list[type[Struct]], place: _Place) -> Any:
    by_tag = {str(table.__struct_config__.tag): table for table in tables}
    key = str(tables[0].__struct_config__.tag_field)
    if not isinstance(raw, dict):
        return place.refuse(show(raw), "a table")
    tag = raw.get(key)
    if not isinstance(tag, str) or tag not in by_tag:
        found = show(tag) if key in raw else "nothing"
        return place.key(key).refuse(found, nearest(tag if isinstance(tag, str) else "", by_tag))
    return walk(raw, by_tag[tag], place.where, place.mistakes)


def _mapping(raw: object, kind: Any, place: _Place) -> Any:
    if not isinstance(raw, dict):
        return place.refuse(show(raw), "a table")
    key_kind, value_kind = get_args(kind)
    values = {}
    for key, item in raw.items():
        if get_origin(key_kind) is Literal and key not in get_args(key_kind):
            place.key(key).refuse("an unknown key", nearest(key, get_args(key_kind)))
        else:
            values[key] = _value(item, value_kind, place.key(key))
    return values


def _list(raw: object, kind: Any, place: _Place) -> Any:
    if not isinstance(raw, list):
        return place.refuse(show(raw), accepted_form(kind))
    items = [_value(item, get_args(kind)[0], place.item(number)) for number, item in enumerate(raw)]
    return _BROKEN if _BROKEN in items else tuple(items)


def _settings(raw: object, form: str, place: _Place) -> Any:
    """A table by its owner's own keys: intervals of its quantities, or other values of its numbers."""
    if not isinstance(raw, dict):
        return place.refuse(show(raw), "a table")
    fields = {info.encode_name: info for info in msgspec.structs.fields(place.owner) if _is_setting(info.type, form)}
    read = _interval if form == "interval" else _value
    values: dict[str, Any] = {}
    for key, item in raw.items():
        if key not in fields:
            place.key(key).refuse("an unknown setting", nearest(key, fields))
        elif (value := read(item, fields[key].type, place.key(key))) is not _BROKEN:
            values[fields[key].name] = value
    return values


def _interval(raw: object, kind: Any, place: _Place) -> Any:
    if not isinstance(raw, list) or len(raw) != 2:
        return place.refuse(show(raw), f"two values, the lower first, each {accepted_form(kind)}")
    low, high = (_value(item, kind, place.item(number)) for number, item in enumerate(raw))
    if low is _BROKEN or high is _BROKEN:
        return _BROKEN
    return (low, high) if low <= high else place.refuse(show(raw), "the lower value first")


def _is_setting(kind: Any, form: str) -> bool:
    own = marks(kind)
    if "quantity" in own:
        return own.get("setting", True) is True
    plain = bare(kind)
    numbers = bare(get_args(plain)[0]) if get_origin(plain) is tuple else plain
    return form == "value" and numbers in {float, int}


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
