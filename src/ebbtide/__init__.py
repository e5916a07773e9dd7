"""Ebbtide: Python background tasks with nothing running.

    from ebbtide import App

    app = App("shop")

    @app.task
    def receipt(order: int) -> None: ...

    receipt.enqueue(42)

This is the front door: it names what is public and tells the core how to find a broker.
"""

from ebbtide.app import App
from ebbtide.broker import Broker, Delivery, Depth
from ebbtide.connect.brokers import connect
from ebbtide.errors import EbbtideError, Retry
from ebbtide.message import Lineage, Message
from ebbtide.outcome import Failed, NotYet, Outcome, Succeeded, TryAgain
from ebbtide.queue import Queue
from ebbtide.result import Result, Status, TaskError
from ebbtide.retry import RetryPolicy
from ebbtide.task import Task
from ebbtide.trigger import Trigger
from ebbtide.triggers.bucket import Bucket
from ebbtide.triggers.foreign_queue import ForeignQueue
from ebbtide.triggers.http import Http
from ebbtide.triggers.schedule import Schedule
from ebbtide.triggers.table_stream import TableStream
from ebbtide.triggers.topic import Topic
from ebbtide.version import __version__

App.connect = staticmethod(connect)

__all__ = [
    "App",
    "Broker",
    "Bucket",
    "Delivery",
    "Depth",
    "EbbtideError",
    "Failed",
    "ForeignQueue",
    "Http",
    "Lineage",
    "Message",
    "NotYet",
    "Outcome",
    "Queue",
    "Result",
    "Retry",
    "RetryPolicy",
    "Schedule",
    "Status",
    "Succeeded",
    "TableStream",
    "Task",
    "TaskError",
    "Topic",
    "Trigger",
    "TryAgain",
    "__version__",
]
