"""What an ID900 understands, as its tree of commands; headers and words from the maker's user manual, section 9.2."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from ._id900_acquisition import CHANNELS
from ._id900_blocks import MOST_BINS
from ._id900_routing import COMBINERS, CONFIGURATIONS
from ._id900_settings import acting, chosen, kept, linked, set_to, tell, timed
from ._scpi_tree import ScpiError
from ._scpi_values import number_with_unit, one, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._id900_blocks import Histogram, Raw
    from ._id900_routing import Combiner
    from ._scpi_tree import Handler
    from .idq_id900 import IdqId900

    Commands = dict[str, Handler[IdqId900]]

__all__ = ["commands"]

_INPUTS = 4
_RESOLUTION_PS = {"LOWRES": 100, "HIRES": 13}
"""High speed and high resolution, as the ID900's data sheet has them."""
_OPERATIONS = ("ONLYFir", "ONLYSec", "OR", "AND", "MUTE")
_VOLTS = {"V": 1.0, "MV": 1e-3}
_LONGEST_PS = 1e18


def commands() -> Commands:
    """All of them."""
    found = _device() | _input("STAR", "STARt") | _record("RECord")
    for number in range(1, _INPUTS + 1):
        found |= _input(f"INPU{number}", f"INPUt{number}") | _delayed(number, f"INPUt{number}:DELAy")
    for number in range(1, 2 * _INPUTS + 1):
        found |= _delayed(number, f"DELAy{number}:VALUe") | _delay_link(number)
    for number in range(1, COMBINERS + 1):
        found |= _combiner(number)
    for number in range(1, CHANNELS + 1):
        found |= _histogram(number) | _raw(number)
    return found


def _device() -> Commands:
    def resolution(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        chosen_one = word(parameters, *_RESOLUTION_PS)
        instrument.acquisition.resolution_ps = _RESOLUTION_PS[chosen_one]
        return set_to(chosen_one)

    def load(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        configuration = word(parameters, *CONFIGURATIONS)
        instrument.load(configuration)
        return set_to(configuration)

    names = {width: name for name, width in _RESOLUTION_PS.items()}
    return {
        "DEVIce:RESolution": resolution,
        "DEVIce:RESolution?": tell(lambda instrument, _: names[instrument.acquisition.resolution_ps]),
        "DEVIce:RESolution:BWIDth?": tell(lambda instrument, _: instrument.acquisition.resolution_ps),
        "DEVIce:CONFIguration:LOAD": load,
        "DEVIce:CONF:LOAD": load,
        "DEVIce:SAMPling:RECAlibrate": acting(lambda _instrument, _now_ns: "Done"),
        **kept("DEVIce:LEDS", _kept, "ON", "ON", "OFF"),
    }


def _kept(instrument: IdqId900) -> dict[str, str]:
    return instrument.kept


def _input(name: str, block: str) -> Commands:
    def threshold(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        instrument.kept[f"{name}:THRE"] = f"{number_with_unit(one(parameters), _VOLTS):g}V"
        return set_to(instrument.kept[f"{name}:THRE"])

    def enable(instrument: IdqId900, value: str) -> None:
        (instrument.acquisition.disabled.discard if value == "ON" else instrument.acquisition.disabled.add)(name)

    return {
        **_counter(name, block),
        **chosen(f"{block}:ENABle", lambda it: "OFF" if name in it.acquisition.disabled else "ON", enable, "ON", "OFF"),
        **kept(f"{block}:EDGE", _kept, "RISING", "RISIng", "FALLing"),
        **kept(f"{block}:COUPling", _kept, "DC", "DC", "AC"),
        **kept(f"{block}:SELEct", _kept, "UNSHAPED", "UNSHaped", "SHAPed"),
        f"{block}:THREshold": threshold,
        f"{block}:THREshold?": tell(lambda instrument, _: instrument.kept.get(f"{name}:THRE", "0.1V")),
        f"{block}:HIREs:ERROr?": tell(lambda _instrument, _now_ns: 0),
        f"{block}:HIREs:ERROr:CLEAr": acting(lambda _instrument, _now_ns: set_to(0)),
    }


def _counter(name: str, block: str) -> Commands:
    def integrate(instrument: IdqId900, parameters: list[str], now_ns: int) -> str:
        value = number_with_unit(one(parameters), {})
        if not 1 <= value < 2**31 or not math.isfinite(value):
            raise ScpiError(-222)
        counter = instrument.counters[name]
        counter.integration_ms = int(value)
        counter.gates.begin(now_ns)
        return set_to(counter.integration_ms)

    def mode(instrument: IdqId900, value: str) -> None:
        instrument.counters[name].mode = value

    def reset(instrument: IdqId900, now_ns: int) -> str:
        instrument.counters[name].gates.begin(now_ns)
        return "Counter value set to 0"

    under = f"{block}:COUNter"
    return {
        f"{under}?": tell(lambda instrument, now_ns: instrument.count(name, now_ns)),
        f"{under}:INTEgration": integrate,
        f"{under}:INTEgration?": tell(lambda instrument, _: instrument.counters[name].integration_ms),
        **chosen(f"{under}:MODE", lambda instrument: instrument.counters[name].mode, mode, "CYCLe", "ACCUm"),
        f"{under}:RESEt": acting(reset),
    }


def _delayed(number: int, pattern: str) -> Commands:
    def put(instrument: IdqId900, value: int, _now_ns: int) -> None:
        instrument.routing.delay_ps[number] = value

    return timed(pattern, lambda instrument: instrument.routing.delay_ps[number], put)


def _delay_link(number: int) -> Commands:
    def put(instrument: IdqId900, block: str) -> None:
        instrument.routing.delayed[number] = block

    return linked(f"DELAy{number}:[INPOrt]:LINK", lambda instrument: instrument.routing.delayed[number], put)


def _combiner(number: int) -> Commands:
    block = f"TSCO{number}"

    def of(instrument: IdqId900) -> Combiner:
        return instrument.routing.combiners[number]

    def port(name: str) -> Callable[[IdqId900, str], None]:
        return lambda instrument, source: setattr(of(instrument), name, source)

    def delay(name: str) -> Callable[[IdqId900, int, int], None]:
        return lambda instrument, value, _now_ns: setattr(of(instrument), name, value)

    found = _counter(block, block)
    for node, name in {"FIRst": "first", "SECond": "second", "WINDow:BEGIn": "begin", "WINDow:END": "end"}.items():
        found |= linked(f"{block}:{node}:LINK", partial(_attribute, of, name), port(name))
    for node, name in {"BEGIn": "begin_ps", "END": "end_ps"}.items():
        found |= timed(f"{block}:WINDow:{node}:DELAy", partial(_attribute, of, name), delay(name))
        found |= kept(f"{block}:WINDow:{node}:EDGE", _kept, "RISING", "RISIng", "FALLing")
    for node, name, words in (
        ("OPIN", "inside", _OPERATIONS),
        ("OPOUt", "outside", _OPERATIONS),
        ("WINDow:ENABle", "windowed", ("ON", "OFF")),
    ):
        found |= chosen(f"{block}:{node}", partial(_attribute, of, name), port(name), *words)
    # pqn-stack links inputs by their numbers, which the combiners of COUNT need not be told
    found[f"{block}:LINK"] = lambda _instrument, parameters, _now_ns: set_to(one(parameters))
    return found


def _attribute(of: Callable[[IdqId900], object], name: str, instrument: IdqId900) -> Any:
    return getattr(of(instrument), name)


def _ports(block: str, of: Callable[[IdqId900], Histogram | Raw]) -> Commands:
    """Reference and stop of a histogram or raw block. Its enabling port is the record generator's, whatever it is told."""

    def put(name: str) -> Callable[[IdqId900, str], None]:
        return lambda instrument, source: setattr(of(instrument), name, source)

    found: Commands = {}
    for node, name in {"REFerence": "reference", "STOP": "stop"}.items():
        found |= linked(f"{block}:[INPOrt]:{node}:LINK", partial(_attribute, of, name), put(name))
        found |= kept(f"{block}:[INPOrt]:{node}:FILTer", _kept, "RISING", "RISIng", "FALLing", "ALL")
    return found | linked(f"{block}:[INPOrt]:ENABle:LINK", lambda _instrument: "REC", lambda _instrument, _source: None)


def _histogram(number: int) -> Commands:
    block = f"HISTogram{number}"

    def of(instrument: IdqId900) -> Histogram:
        return instrument.acquisition.histograms[number]

    def minimum(instrument: IdqId900, value: int, _now_ns: int) -> None:
        of(instrument).minimum_ps = value

    def width(instrument: IdqId900, value: int, _now_ns: int) -> None:
        if value % instrument.acquisition.resolution_ps:
            raise ScpiError(-222)
        of(instrument).width_ps = value

    def bins(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        value = number_with_unit(one(parameters), {})
        if not 1 <= value <= MOST_BINS:
            raise ScpiError(-222)
        of(instrument).bins = int(value)
        return set_to(of(instrument).bins)

    def flush(instrument: IdqId900, now_ns: int) -> str:
        instrument.acquisition.flush(number, now_ns)
        return "Histogram flushed"

    def data(instrument: IdqId900, now_ns: int) -> str:
        return str(instrument.acquisition.data(number, now_ns))

    return {
        **_ports(block, of),
        **timed(f"{block}:MINimum", lambda it: of(it).minimum_ps, minimum, bare=True),
        **timed(f"{block}:BWIDth", lambda it: of(it).width_ps, width, limits=(1, _LONGEST_PS), bare=True),
        f"{block}:BCOUnt": bins,
        f"{block}:BCOUnt?": tell(lambda instrument, _: of(instrument).bins),
        f"{block}:FLUSh": acting(flush),
        f"{block}:DATA?": tell(data),
        f"{block}:STATe?": tell(lambda it, now_ns: "RUNNING" if it.acquisition.playing(now_ns) else "IDLE"),
    }


def _raw(number: int) -> Commands:
    block = f"RAW{number}"

    def of(instrument: IdqId900) -> Raw:
        return instrument.acquisition.raws[number]

    def send(instrument: IdqId900, value: str) -> None:
        of(instrument).sending = value

    def clear(instrument: IdqId900, _now_ns: int) -> str:
        of(instrument).errors = 0
        return set_to(0)

    return {
        **_ports(block, of),
        **chosen(f"{block}:SEND", lambda instrument: of(instrument).sending, send, "ON", "OFF"),
        f"{block}:ERRORS?": tell(lambda instrument, _: of(instrument).errors),
        f"{block}:ERRORS:CLEAR": acting(clear),
    }


def _record(block: str) -> Commands:
    def number(instrument: IdqId900, parameters: list[str], _now_ns: int) -> str:
        text = one(parameters)
        value = 0.0 if text in {"INF", "INFINITY"} else number_with_unit(text, {})
        if not 0 <= value < 2**31:
            raise ScpiError(-222)
        instrument.acquisition.record.number = int(value)
        return set_to(_number(instrument, 0))

    def width(instrument: IdqId900, value: int, _now_ns: int) -> None:
        instrument.acquisition.record.width_ps = value

    def period(instrument: IdqId900, value: int, _now_ns: int) -> None:
        instrument.acquisition.record.period_ps = value

    def enable(instrument: IdqId900, value: str) -> None:
        instrument.acquisition.record.enabled = value

    def play(instrument: IdqId900, now_ns: int) -> str:
        instrument.acquisition.play(now_ns)
        return "Play"

    def stop(instrument: IdqId900, now_ns: int) -> str:
        instrument.acquisition.stop(now_ns)
        return "Stop"

    limits = (1, _LONGEST_PS)
    return {
        **timed(f"{block}:DURation", lambda it: it.acquisition.record.width_ps, width, limits=limits),
        **timed(f"{block}:PWIDth", lambda it: it.acquisition.record.width_ps, width, limits=limits),
        **timed(f"{block}:PPERiod", lambda it: it.acquisition.record.every_ps, period, limits=limits),
        f"{block}:NUMber": number,
        f"{block}:NUMber?": tell(_number),
        **chosen(f"{block}:ENABle", lambda it: it.acquisition.record.enabled, enable, "ON", "OFF"),
        f"{block}:PLAY": acting(play),
        f"{block}:STOP": acting(stop),
        f"{block}:STAGe?": tell(lambda it, now_ns: "PLAYING" if it.acquisition.playing(now_ns) else "IDLE"),
        f"{block}:TRIGger:ARM": acting(lambda _instrument, _now_ns: "Armed"),
        **kept(f"{block}:TRIGger:ARM:MODE", _kept, "MANUAL", "MANUal", "AUTO"),
    }


def _number(instrument: IdqId900, _now_ns: int) -> str:
    return str(instrument.acquisition.record.number or "INF")
