"""The event of this name."""

from ebbtide.contrib.async_lambda.events.dynamodb import DynamoDBEvent, DynamoDBRecord

__all__ = ["DynamoDBEvent", "DynamoDBRecord"]
