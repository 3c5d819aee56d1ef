"""The broker: the connection that comes back, and the only user of the MQTT client library."""

from edgefuse.mqtt.connection import Connection, NobodyListensError, NotConnectedError
from edgefuse.mqtt.wire import Extras

__all__ = ["Connection", "Extras", "NobodyListensError", "NotConnectedError"]
