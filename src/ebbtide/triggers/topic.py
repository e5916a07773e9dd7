"""A topic: the trigger that starts a task for each message published on SNS.

    @app.task(Topic("orders", filter={"kind": ["paid"]}))
    def ship(message: Order, subject: str | None = None) -> None: ...

A message comes wrapped in SNS's notification, which tells topic, subject and time, and which whoever publishes cannot
write himself: so nobody can publish what looks like a call of another task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebbtide import strictjson
from ebbtide.errors import DeclarationError
from ebbtide.trigger import Asked, Json, Target
from ebbtide.triggers.event_source import Conditions, Event, EventSource, shown, text
from ebbtide.triggers.names import is_physical, is_same, logical, physical, short
from ebbtide.triggers.picking import Offer, Offers
from ebbtide.triggers.sqs_record import attributes, is_record, sent_at, wrapped_attributes
from ebbtide.triggers.statements import sends

_WRAPPED: Offers = {
    "message": Offer("content"),
    "subject": Offer("text", always=False),
    "attributes": Offer("json"),
    "topic": Offer("text"),
    "message_id": Offer("text"),
    "time": Offer("time"),
}
_RAW: Offers = {name: _WRAPPED[name] for name in ("message", "attributes", "message_id", "time")}


class Topic(EventSource):
    """Start the task for each message: `Topic("orders", filter={"kind": ["paid"]})`.

    name: short, as "orders": the stack makes the topic `app-stage-orders`; or the ARN of one that is there already.
    filter: a filter policy of SNS, on the message's attributes; with filter_body=True on its body. raw: the message
    comes bare, without subject, topic and SNS's id. Then whoever may publish may write what stands on the task's
    queue, which includes calls of other tasks: say it only of a topic that is all your own.

    A parameter may be called message (text, bytes, or JSON, as its annotation says), subject, attributes, topic (its
    ARN), message_id, time. Raises DeclarationError.
    """

    name: str
    filter: Mapping[str, Any] | None
    filter_body: bool
    raw: bool

    def __init__(
        self,
        name: str,
        *,
        filter: Mapping[str, Any] | None = None,
        filter_body: bool = False,
        raw: bool = False,
    ) -> None:
        self._declare(name=name, filter=filter, filter_body=filter_body, raw=raw)
        if isinstance(name, str) and name.startswith("arn:"):
            if name.count(":") != 5 or name.split(":")[2] != "sns":
                raise DeclarationError(
                    f"Topic({name!r:.200}): no ARN of a topic, as 'arn:aws:sns:eu-west-1:123456789012:x'"
                )
        else:
            short("Topic", name, "a topic that is there already goes by its ARN")
        if filter is not None:
            self._check_filter(filter)

    def _check_filter(self, policy: object) -> None:
        cure = "a filter policy of SNS maps names to lists of what is taken, as {'kind': ['paid']}"
        if not isinstance(policy, Mapping) or not policy:
            raise self._wrong("filter", cure)
        try:
            strictjson.dumps(dict(policy))
        except (TypeError, ValueError) as error:
            raise self._wrong("filter", f"{cure} ({error})") from None
        if not self.filter_body and not all(isinstance(wanted, list) for wanted in policy.values()):
            raise self._wrong("filter", cure)

    @property
    def existing(self) -> bool:
        """Whether it is there already."""
        return self.name.startswith("arn:")

    @property
    def offers(self) -> Offers:
        return _RAW if self.raw else _WRAPPED

    def conditions(self, event: Event) -> Conditions:
        if self.raw:
            yield is_record(event), "it is no bare message"
            return
        kind, topic = text(event.get("Type")), text(event.get("TopicArn")) or ""
        yield bool(kind and topic), "it is no notification of SNS"
        name = topic.rpartition(":")[2]
        mine = is_same(self.name, topic) if self.existing else is_physical(name, self.name, r"(\.fifo)?")
        yield mine, f"its topic is {shown(topic)}"
        yield kind == "Notification", f"it is a {shown(kind)}; whoever made the subscription must confirm it"
        told = all(text(event.get(name)) for name in ("MessageId", "Timestamp"))
        yield told and text(event.get("Message")) is not None, "it is not a whole notification"

    def values(self, event: Event) -> dict[str, Any]:
        if self.raw:
            said = {"message": event["body"], "attributes": attributes(event), "time": sent_at(event)}
            return {**said, "message_id": text(event.get("messageId"))}
        return {
            "message": event["Message"],
            "subject": text(event.get("Subject")),
            "attributes": wrapped_attributes(event),
            "topic": event["TopicArn"],
            "message_id": event["MessageId"],
            "time": event["Timestamp"],
        }

    def asks(self, target: Target) -> Asked:
        if self.existing and target.fifo and not self.name.endswith(".fifo"):
            raise DeclarationError(
                f"task {target.task!r}, {self!r}: its queue is FIFO, and takes messages only of a FIFO topic"
            )
        id = logical("Topic", self.name.rpartition(":")[2] if self.existing else self.name)
        topic: str | Json = self.name if self.existing else {"Ref": id}
        # All tasks of a queue share one subscription: SNS keeps one for a topic and a queue. So they must have the same
        # filter, which is said once more as text, where two that differ are seen.
        subscription = f"{id}{target.queue}Subscription"
        made = {subscription: self._subscription(topic, target)}
        if not self.existing:
            made[id] = self._topic(target)
        sent = [sends("sns", topic, anywhere=True)]
        return Asked(made, senders=sent, undelivered=() if target.fifo else sent)

    def _topic(self, target: Target) -> Json:
        name = physical(target.place.prefix, self.name)
        if not target.fifo:
            return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}}
        of_fifo = {"TopicName": f"{name}.fifo", "FifoTopic": True, "ContentBasedDeduplication": True}
        return {"Type": "AWS::SNS::Topic", "Properties": of_fifo}

    def _subscription(self, topic: str | Json, target: Target) -> Json:
        properties: Json = {
            "Protocol": "sqs",
            "TopicArn": topic,
            "Endpoint": {"Fn::GetAtt": [target.queue, "Arn"]},
            "RawMessageDelivery": self.raw,
        }
        if not target.fifo:  # whose undelivered messages SNS puts on a FIFO queue only
            properties["RedrivePolicy"] = {"deadLetterTargetArn": {"Fn::GetAtt": [target.dead_letters, "Arn"]}}
        if self.existing:
            properties["Region"] = self.name.split(":")[3]
        if self.filter is not None:
            properties["FilterPolicy"] = dict(self.filter)
            properties["FilterPolicyScope"] = "MessageBody" if self.filter_body else "MessageAttributes"
        about = {"Ebbtide": {"filter": strictjson.dumps(dict(self.filter)) if self.filter else ""}}
        shape = {"Type": "AWS::SNS::Subscription", "Metadata": about, "DependsOn": [f"{target.queue}Policy"]}
        return {**shape, "Properties": properties}
