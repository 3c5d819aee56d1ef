"""edgefuse: hear, see and feel on an edge device, fuse by time, act over MQTT."""

__version__ = "0.1.0"
