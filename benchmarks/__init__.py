"""Measurements, each a command of its own: `python benchmarks/<name>.py`."""
