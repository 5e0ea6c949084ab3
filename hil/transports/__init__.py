"""Bytes in, bytes out: one conversation per port, and never a late reply to the next question.

A :class:`Transport` holds one physical port (:class:`TcpPort`, :class:`SerialPort`, :class:`VisaPort`, :class:`ZmqPort`, or a
scripted one from :mod:`hil.transports.tape`), keeps one lock across write and read, and after any timeout answers nothing until
the line is back in step. :func:`over_visa` and :func:`over_raw` pick the port for a resource string.
"""

from hil.transports.opening import over_raw, over_visa, over_zmq, over_zmq_pair
from hil.transports.port import Port, SerialLine
from hil.transports.recovery import Marker
from hil.transports.replies import Exactly, Reply, Until
from hil.transports.retry import RetryPolicy
from hil.transports.serial import SerialPort
from hil.transports.tape import ScriptedPort
from hil.transports.taping import own_carrier, taping
from hil.transports.tcp import TcpPort
from hil.transports.transport import Transport
from hil.transports.visa import VisaPort
from hil.transports.zmq import ZmqPort

__all__ = [
    "Exactly",
    "Marker",
    "Port",
    "Reply",
    "RetryPolicy",
    "ScriptedPort",
    "SerialLine",
    "SerialPort",
    "TcpPort",
    "Transport",
    "Until",
    "VisaPort",
    "ZmqPort",
    "over_raw",
    "over_visa",
    "over_zmq",
    "over_zmq_pair",
    "own_carrier",
    "taping",
]
