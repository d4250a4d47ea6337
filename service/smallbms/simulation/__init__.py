"""The world around the batteries: sun, chargers, loads, weather."""
