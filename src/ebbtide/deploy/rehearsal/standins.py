"""What an app expects to be there already, made anew for a rehearsal: queues, topics, buckets, tables, secrets.

And the other way round: where a template names such a thing by an ARN, the ARN of what stands in for it is put there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.trouble import told

Kind = Literal["queue", "topic", "bucket", "table"]


class Existing(NamedTuple):
    """One thing that is there already. name: its name or its ARN."""

    kind: Kind
    name: str

    @property
    def called(self) -> str:
        """Its name alone."""
        if self.kind == "table" and self.name.startswith("arn:"):
            return self.name.split("/")[1]
        return self.name.rpartition(":")[2] if self.name.startswith("arn:") else self.name


def make(account: Account, existing: Sequence[Existing]) -> dict[str, str]:
    """Make them all; what is to stand in place of each ARN. Raises DeployError."""
    places = {}
    for thing in dict.fromkeys(existing):
        with told(f"making a {thing.kind} {thing.called}"):
            arn = _MAKERS[thing.kind](account, thing.called)
        if thing.name.startswith("arn:"):
            places[thing.name] = arn
    return places


def make_secrets(account: Account, folder: Path, values: Mapping[str, str]) -> list[str]:
    """Make every secret that a function of the folder's template refers to; the names of the variables they are for.

    values: by variable, where another than `rehearsal` is wanted.
    """
    parameters: dict[str, str] = {}
    secrets: dict[str, Any] = {}
    wanted = _references(json.loads((folder / "template.json").read_text("utf-8")))
    for variable, reference in wanted.items():
        kind, _, path = reference.partition(":")
        value = values.get(variable, "rehearsal")
        if kind == "ssm":
            parameters[path] = value
        else:
            name, _, key = path.partition("#")
            secrets[name] = {**secrets.get(name, {}), key: value} if key else value
    with told("making the secrets"):
        for path, value in parameters.items():
            account.client("ssm").put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)
        for name, value in secrets.items():
            text = value if isinstance(value, str) else json.dumps(value)
            account.client("secretsmanager").create_secret(Name=name, SecretString=text)
    return list(wanted)


def _references(template: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for resource in template["Resources"].values():
        variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
        found |= json.loads(variables.get("EBBTIDE_SECRETS") or "{}")
    return found


def put_in_place(folder: Path, places: Mapping[str, str]) -> None:
    """Write these ARNs into the template of a folder."""
    path = folder / "template.json"
    text = path.read_text("utf-8")
    for arn, other in sorted(places.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(json.dumps(arn)[1:-1], json.dumps(other)[1:-1])
    path.write_text(text, "utf-8")


def _queue(account: Account, name: str) -> str:
    sqs = account.client("sqs")
    fifo = {"Attributes": {"FifoQueue": "true", "ContentBasedDeduplication": "true"}} if name.endswith(".fifo") else {}
    url = sqs.create_queue(QueueName=name, **fifo)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "43200"})
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def _topic(account: Account, name: str) -> str:
    fifo = {"Attributes": {"FifoTopic": "true"}} if name.endswith(".fifo") else {}
    return str(account.client("sns").create_topic(Name=name, **fifo)["TopicArn"])


def _bucket(account: Account, name: str) -> str:
    s3 = account.client("s3")
    s3.create_bucket(Bucket=name, **_where(account))
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}})
    return f"arn:aws:s3:::{name}"


def _where(account: Account) -> dict[str, Any]:
    if account.region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": account.region}}


def _table(account: Account, name: str) -> str:
    made = account.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return str(made["TableDescription"]["LatestStreamArn"])


_MAKERS = {"queue": _queue, "topic": _topic, "bucket": _bucket, "table": _table}
