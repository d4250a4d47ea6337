"""The ports that batteries hang on: they move bytes and stamp them, and know no protocol."""
