"""Faults, injected into a whole running system: what the outputs did, what was said, what was lost."""
