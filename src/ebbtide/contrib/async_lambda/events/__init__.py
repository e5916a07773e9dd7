"""What a task's function is given: one event, whose class says what started the task."""

from __future__ import annotations

from ebbtide.contrib.async_lambda.events.api import APIEvent
from ebbtide.contrib.async_lambda.events.base import BaseEvent, ScheduledEvent
from ebbtide.contrib.async_lambda.events.dynamodb import DynamoDBEvent, DynamoDBRecord
from ebbtide.contrib.async_lambda.events.managed import ManagedSQSBatchEvent, ManagedSQSEvent
from ebbtide.contrib.async_lambda.events.unmanaged import UnmanagedSQSEvent

__all__ = [
    "APIEvent",
    "BaseEvent",
    "DynamoDBEvent",
    "DynamoDBRecord",
    "ManagedSQSBatchEvent",
    "ManagedSQSEvent",
    "ScheduledEvent",
    "UnmanagedSQSEvent",
]
