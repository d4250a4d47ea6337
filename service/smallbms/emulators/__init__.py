"""The battery's side of the wire, for tests and for people without the hardware."""
