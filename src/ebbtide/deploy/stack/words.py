"""CloudFormation's types in a person's words, and which of them hold what cannot be made anew."""

from __future__ import annotations

import re

HOLDS = {
    "AWS::SQS::Queue": "the messages in it",
    "AWS::DynamoDB::Table": "all its items",
    "AWS::DynamoDB::GlobalTable": "all its items",
    "AWS::S3::Bucket": "all its objects",
    "AWS::Logs::LogGroup": "the logs in it",
    "AWS::Scheduler::ScheduleGroup": "the delayed calls that wait in it",
    "AWS::SecretsManager::Secret": "the secret",
    "AWS::SSM::Parameter": "its value",
    "AWS::KMS::Key": "all that is encrypted with it",
    "AWS::RDS::DBInstance": "the database",
    "AWS::RDS::DBCluster": "the database",
    "AWS::ElastiCache::CacheCluster": "all it caches",
    "AWS::ECR::Repository": "the images in it",
    "AWS::Cognito::UserPool": "all its users",
    "AWS::EFS::FileSystem": "all its files",
    "AWS::Kinesis::Stream": "the records in it",
}
"""What is lost with a resource of this type."""

_NOUNS = {
    "AWS::SQS::Queue": "queue",
    "AWS::SQS::QueuePolicy": "queue policy",
    "AWS::Lambda::Function": "function",
    "AWS::Lambda::LayerVersion": "layer",
    "AWS::Lambda::Permission": "permission to invoke",
    "AWS::Lambda::EventSourceMapping": "queue-to-function mapping",
    "AWS::Lambda::EventInvokeConfig": "invocation settings",
    "AWS::DynamoDB::Table": "table",
    "AWS::S3::Bucket": "bucket",
    "AWS::S3::BucketPolicy": "bucket policy",
    "AWS::SNS::Topic": "topic",
    "AWS::SNS::Subscription": "subscription",
    "AWS::IAM::Role": "role",
    "AWS::IAM::Policy": "policy",
    "AWS::Logs::LogGroup": "log group",
    "AWS::Events::Rule": "rule",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Scheduler::ScheduleGroup": "schedule group",
    "AWS::CloudWatch::Alarm": "alarm",
    "AWS::ApiGatewayV2::Api": "HTTP API",
    "AWS::ApiGatewayV2::Stage": "HTTP API's stage",
    "AWS::ApiGatewayV2::Route": "route",
    "AWS::ApiGatewayV2::Integration": "route's integration",
    "AWS::ApiGatewayV2::Authorizer": "authorizer",
    "AWS::CloudFormation::Stack": "stack",
}


def noun(kind: str) -> str:
    """`queue` for AWS::SQS::Queue; of a type nobody named here, its own words: `glue job run`."""
    if kind in _NOUNS:
        return _NOUNS[kind]
    service, _, rest = kind.removeprefix("AWS::").partition("::")
    return " ".join([service.lower(), *(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", rest))])


def called(physical: str) -> str:
    """The name in a physical id that is a URL or an ARN; any other id as it is."""
    if physical.startswith(("https://", "http://")):
        return physical.rpartition("/")[2]
    if physical.startswith("arn:"):
        return physical.split(":", 5)[-1].rpartition("/")[2]
    return physical
