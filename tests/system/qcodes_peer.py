"""Drives simulated instruments with unmodified drivers of qcodes-contrib-drivers, in an interpreter that has them.

Arguments: WebSQ control port, PM100D's VISA resource, IP Power's URL. Writes one JSON object of what it read.
"""

from __future__ import annotations

import json
import sys

from qcodes_contrib_drivers.drivers.Aviosys.IP_Power_9258S import AviosysIPPower9258S
from qcodes_contrib_drivers.drivers.SingleQuantum.SingleQuantum import WebSQControlqcode
from qcodes_contrib_drivers.drivers.Thorlabs.PM100D import Thorlab_PM100D

__all__: list[str] = []


def websq(port: int) -> dict[str, object]:
    """Ten measurement periods of 20 ms with the detector enabled, after its bias was set."""
    driver = WebSQControlqcode("websq", "127.0.0.1", port)
    driver.measurement_periode(20)
    driver.bias_current([21.0])
    driver.comm.enable_detectors(True)  # noqa: FBT003  (their signature)
    while driver.bias_current() != [21.0] or not driver.comm.talk.get_label("DetectorEnable")["value"]:
        driver.counters()  # waits for a period
    driver.npts(10)
    counts = driver.counters()
    told = {"detectors": driver.number_of_detectors(), "period_ms": driver.measurement_periode(), "bias": driver.bias_current()}
    return told | {"times": list(counts[0]), "counts": list(counts[1])}


def power_meter(resource: str) -> dict[str, object]:
    """Power in watts, and a wavelength that was set."""
    driver = Thorlab_PM100D("meter", resource, visalib="@py")
    driver.wavelength(1310e-9)
    return {
        "idn": driver.get_idn()["model"],
        "power_w": driver.power(),
        "wavelength_nm": float(driver.wavelength.get_raw()),  # its get() divides the text it did not parse
        "automatic": driver.auto_range(),
        "averages": int(float(driver.averaging())),
    }


def outlets(url: str) -> dict[str, object]:
    """The second outlet is switched off."""
    driver = AviosysIPPower9258S("pdu", url, "admin", "12345678")
    before = [channel.power_enabled() for channel in driver.channels]
    driver.B.power_enabled(False)  # noqa: FBT003  (their signature)
    return {"before": before, "after": [channel.power_enabled() for channel in driver.channels]}


if __name__ == "__main__":
    _, port, resource, url = sys.argv
    read = {"websq": websq(int(port)), "meter": power_meter(resource), "pdu": outlets(url)}
    sys.stdout.write("\n" + json.dumps(read) + "\n")
