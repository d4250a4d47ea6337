"""A battery management service for Venus OS and Raspberry Pi OS."""

__version__ = "0.1.0"
