"""The broker of a stage on AWS: SQS for messages, DynamoDB, S3 and EventBridge Scheduler for what SQS cannot hold."""

from ebbtide.brokers.sqs.broker import SqsBroker
from ebbtide.brokers.sqs.clients import Clients

__all__ = ["Clients", "SqsBroker"]
