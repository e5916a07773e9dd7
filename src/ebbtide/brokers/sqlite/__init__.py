"""The embedded engine's broker: a queue in one SQLite file."""

from ebbtide.brokers.sqlite.broker import SqliteBroker

__all__ = ["SqliteBroker"]
