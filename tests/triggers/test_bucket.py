"""Buckets: what may be declared, which events are read as which calls, and what a template gets."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.fakes import memory_app
from tests.triggers.reading import calls, read, reason, sample, target

from ebbtide import App, Bucket
from ebbtide.errors import DeclarationError
from ebbtide.trigger import Asked


def app_with(trigger: Bucket, function: Callable[..., Any]) -> App:
    app = memory_app()
    app.task(trigger)(function)
    return app


def everything(
    bucket: str, key: str, size: int, etag: str, version: str | None, event: str, time: datetime, region: str
) -> None: ...


def put(key: str, kind: str = "ObjectCreated:Put", bucket: str = "shop-prod-uploads-123456789012-us-west-2") -> Any:
    event = sample("bucket_put")
    record = event["Records"][0]
    record["s3"]["object"]["key"], record["eventName"], record["s3"]["bucket"]["name"] = key, kind, bucket
    return event


def bridged(key: str = "in/a b+c.csv", kind: str = "Object Created", **detail: Any) -> Any:
    event = sample("bucket_eventbridge")
    event["detail-type"] = kind
    event["detail"]["object"]["key"] = key
    event["detail"] |= detail
    return event


# Reading


def test_a_task_is_given_what_it_asks_for_by_name() -> None:
    app = app_with(Bucket("uploads"), everything)
    assert calls(app, read(app, sample("bucket_put"))) == [
        (
            "everything",
            [],
            {
                "bucket": "shop-prod-uploads-123456789012-us-west-2",
                "key": "in/Happy Face é+1.csv",
                "size": 1024,
                "etag": "d41d8cd98f00b204e9800998ecf8427e",
                "version": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "event": "ObjectCreated:Put",
                "time": datetime(1970, 1, 1, tzinfo=UTC),
                "region": "us-west-2",
            },
        )
    ]


def test_an_event_that_comes_through_eventbridge_is_the_same_to_it() -> None:
    app = app_with(Bucket("acme-landing", existing=True), everything)
    ((_, _, given),) = calls(app, read(app, sample("bucket_eventbridge")))
    assert given == {
        "bucket": "acme-landing",
        "key": "in/a b+c.csv",
        "size": 5,
        "etag": "b1946ac92492d2347c6235b4d2611184",
        "version": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "event": "ObjectCreated:Put",
        "time": datetime(2021, 11, 12, tzinfo=UTC),
        "region": "ca-central-1",
    }


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("%E2%82%AC/%25", "€/%"),
        ("a%20b", "a b"),
        ("%f0%9f%8e%89", "🎉"),
        ("ünquoted", "ünquoted"),
    ],
)
def test_a_key_is_decoded(written: str, key: str) -> None:
    app = memory_app()

    @app.task(Bucket("uploads"))
    def ingest(key: Path) -> None: ...

    assert calls(app, read(app, put(written))) == [("ingest", [], {"key": Path(key)})]


@pytest.mark.parametrize("written", ["%", "%4", "%zz", "%ff", "% 1", "a%\u00e9b"])
def test_a_key_that_cannot_be_decoded_is_not_guessed(written: str) -> None:
    app = app_with(Bucket("uploads"), everything)
    assert "Bucket('uploads'): it is not whole, or its key cannot be decoded" in reason(read(app, put(written)))


@pytest.mark.parametrize(
    ("trigger", "event", "amiss"),
    [
        (Bucket("uploads", prefix="in/"), put("out/a"), "its key 'out/a' does not begin with 'in/'"),
        (Bucket("uploads", suffix=".csv"), put("in/a.txt"), "its key 'in/a.txt' does not end with '.csv'"),
        (Bucket("uploads"), put("a", "ObjectRemoved:Delete"), "it is 'ObjectRemoved:Delete'"),
        (Bucket("uploads", events=["ObjectCreated:Copy"]), put("a"), "it is 'ObjectCreated:Put'"),
        (Bucket("loads"), put("a"), "its bucket is 'shop-prod-uploads-123456789012-us-west-2'"),
        (Bucket("raw-uploads"), put("a"), "its bucket is 'shop-prod-uploads-123456789012-us-west-2'"),
        (Bucket("uploads"), put("a", bucket="shop-prod-raw--uploads-123456789012-us-west-2"), "its bucket is "),
        (Bucket("uploads"), put("a", bucket="uploads"), "its bucket is 'uploads'"),
        (Bucket("uploads", existing=True), put("a"), "its bucket is "),
    ],
)
def test_what_is_not_for_it_is_left_with_the_reason(trigger: Bucket, event: Any, amiss: str) -> None:
    app = memory_app()

    @app.task(trigger)
    def ingest(key: str) -> None: ...

    assert amiss in reason(read(app, event))


@pytest.mark.parametrize("stage", ["shop-prod-", "my-shop-dev-", "uploads-x1-"])
def test_its_bucket_is_known_by_its_name_in_every_stage_of_every_app(stage: str) -> None:
    app = memory_app()

    @app.task(Bucket("raw-uploads"))
    def raw(key: str) -> None: ...

    @app.task(Bucket("uploads"))
    def cooked(key: str) -> None: ...

    for name, task in (("uploads", "cooked"), ("raw--uploads", "raw")):
        event = put("a", bucket=f"{stage}{name}-000000000000-eu-central-1")
        assert calls(app, read(app, event)) == [(task, [], {"key": "a"})]


@pytest.mark.parametrize(
    ("kind", "detail", "event"),
    [
        ("Object Created", {"reason": "CompleteMultipartUpload"}, "ObjectCreated:CompleteMultipartUpload"),
        ("Object Created", {"reason": "CopyObject"}, "ObjectCreated:Copy"),
        ("Object Created", {"reason": "POST Object"}, "ObjectCreated:Post"),
        ("Object Deleted", {"deletion-type": "Permanently Deleted"}, "ObjectRemoved:Delete"),
        ("Object Deleted", {"deletion-type": "Delete Marker Created"}, "ObjectRemoved:DeleteMarkerCreated"),
        ("Object Tags Added", {}, "ObjectTagging:Put"),
        ("Object Restore Completed", {}, "ObjectRestore:Completed"),
    ],
)
def test_eventbridges_words_are_turned_into_s3s(kind: str, detail: dict[str, str], event: str) -> None:
    app = memory_app()

    @app.task(Bucket("acme-landing", existing=True, events=[event]))
    def seen(event: str) -> None: ...

    assert calls(app, read(app, bridged(kind=kind, **detail))) == [("seen", [], {"event": event})]


def test_what_an_event_does_not_have_is_none_or_the_default() -> None:
    app = memory_app()

    @app.task(Bucket("uploads", events=["ObjectRemoved:*"]))
    def gone(key: str, /, size: int | None, version: str | None = "none", *, note: str = "n", **rest: Any) -> None: ...

    assert calls(app, read(app, sample("bucket_delete_marker"))) == [
        ("gone", ["in/b21b84d653bb07b05b1e6b33684dc11b"], {"size": None, "version": "QUyQlrHgd7rhHnPb5"})
    ]


def test_the_task_stays_a_function_to_be_called() -> None:
    app = memory_app()

    @app.task(Bucket("uploads"))
    def ingest(key: str, size: int) -> str:
        return f"{key} {size}"

    assert ingest("a", 1) == "a 1"
    assert ingest.enqueue("a", size=1).id


# Declaring


def refused(trigger: Callable[[], Any], function: Callable[..., Any] | None = None) -> str:
    with pytest.raises(DeclarationError) as told:
        app_with(trigger(), function or everything)
    return str(told.value)


def test_a_parameter_that_is_not_offered_is_refused_with_what_is() -> None:
    def ingest(key: str, sise: int) -> None: ...

    assert refused(lambda: Bucket("uploads"), ingest) == (
        "task 'ingest', Bucket('uploads'): parameter 'sise' is none of what it offers, and has no default; it offers "
        "bucket, key, event, time, region, size, etag, version. Did you mean 'size'?"
    )


def wrong_key(key: int) -> None: ...


def wrong_size(size: str) -> None: ...


def wrong_time(time: float) -> None: ...


def wrong_version(version: str) -> None: ...


def positional(note: str = "", /) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (wrong_key, "parameter 'key' is text; annotate it as str"),
        (wrong_size, "parameter 'size' is a whole number; annotate it as int"),
        (wrong_time, "parameter 'time' is a time; annotate it as datetime or str"),
        (wrong_version, "not every event has a 'version'; annotate it as `str | None`, or give it a default"),
        (positional, "parameter 'note', which it does not offer, cannot be positional-only"),
    ],
)
def test_a_parameter_that_cannot_take_what_it_gets_is_refused(function: Callable[..., Any], said: str) -> None:
    assert said in refused(lambda: Bucket("uploads"), function)


def test_sizes_may_be_missing_once_removals_are_among_the_events() -> None:
    def ingest(size: int) -> None: ...

    assert "not every event has a 'size'" in refused(lambda: Bucket("uploads", events=["ObjectRemoved:*"]), ingest)


def test_an_annotation_may_say_more_than_str() -> None:
    app = memory_app()

    @app.task(Bucket("uploads"))
    def ingest(event: Literal["ObjectCreated:Put", "ObjectCreated:Copy"], time: str, size: float) -> None: ...

    ((_, _, given),) = calls(app, read(app, sample("bucket_put")))
    assert given == {"event": "ObjectCreated:Put", "time": "1970-01-01T00:00:00.000Z", "size": 1024}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Bucket("Uploads"), "up to 30 of a-z 0-9 and single hyphens"),
        (lambda: Bucket("a--b"), "Bucket('a--b')"),
        (lambda: Bucket("x" * 31), "up to 30"),
        (lambda: Bucket("acme.landing"), "a bucket that is there already is Bucket(..., existing=True)"),
        (lambda: Bucket("x", existing=True), "3 to 63 characters"),
        (lambda: Bucket("uploads", events="ObjectCreated:*"), "events='ObjectCreated:*'): some of "),
        (lambda: Bucket("uploads", events=["Created"]), "ObjectCreated:*, ObjectCreated:CompleteMultipartUpload"),
        (lambda: Bucket("uploads", events=[]), "some of "),
        (lambda: Bucket("uploads", prefix=1), "text of up to 1024 characters"),  # type: ignore[arg-type]
        (lambda: Bucket(7), "Bucket(7)"),  # type: ignore[arg-type]
    ],
)
def test_a_bucket_that_cannot_be_is_refused(make: Callable[[], Bucket], said: str) -> None:
    assert said in refused(make)


def test_it_is_frozen_and_equal_by_its_parts() -> None:
    assert Bucket("uploads", events=["s3:ObjectCreated:*"]) == Bucket("uploads")
    assert Bucket("uploads") != Bucket("uploads", prefix="x")
    assert len({Bucket("uploads"), Bucket("uploads"), Bucket("uploads", prefix="x")}) == 2
    assert repr(Bucket("uploads", suffix=".csv", existing=False)) == "Bucket('uploads', suffix='.csv')"
    with pytest.raises(AttributeError, match="a Bucket is frozen"):
        Bucket("uploads").prefix = "x"


# The template


def notifications(asked: Asked) -> Any:
    return asked.resources["BucketUploads"]["Properties"]["NotificationConfiguration"]


def test_the_stack_makes_the_bucket_and_has_it_notify_the_queue() -> None:
    asked = Bucket("uploads", prefix="in/", suffix=".csv").asks(target())
    bucket = asked.resources["BucketUploads"]
    name = "shop-prod-uploads-${AWS::AccountId}-${AWS::Region}"
    assert bucket["Properties"]["BucketName"] == {"Fn::Sub": name}
    assert bucket["DependsOn"] == ["DefaultQueuePolicy"]
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".csv"}]
    queue = {"Fn::GetAtt": ["DefaultQueue", "Arn"]}
    assert notifications(asked) == {
        "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": queue, "Filter": {"S3Key": {"Rules": rules}}}]
    }
    assert all(bucket["Properties"]["PublicAccessBlockConfiguration"].values())
    assert list(asked.senders) == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Condition": {
                "ArnEquals": {"aws:SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}"}},
                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            },
        }
    ]
    assert list(asked.statements) == [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}/in/*.csv"},
        }
    ]


def test_what_iam_reads_as_a_pattern_is_escaped_in_a_prefix() -> None:
    (statement,) = Bucket("uploads", prefix="a*${b}?").asks(target()).statements
    assert statement["Resource"]["Fn::Sub"].endswith("/a${!*}${!$}{b}${!?}*")


@pytest.mark.parametrize(
    ("prefix", "written"),
    [
        ("in/", "in/"),
        ("my photos/", "my+photos/"),
        ("a+b=c", "a%2Bb%3Dc"),
        ("é*", "%C3%A9%2A"),
        ("(x)-_.!'", "(x)-_.!'"),
    ],
)
def test_a_prefix_is_written_as_s3_wants_it_in_a_filter(prefix: str, written: str) -> None:
    (told,) = notifications(Bucket("uploads", prefix=prefix).asks(target()))["QueueConfigurations"]
    assert told["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": written}]


def test_a_fifo_queue_gets_them_through_eventbridge() -> None:
    asked = Bucket("uploads").asks(target(fifo=True))
    assert notifications(asked) == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rule = asked.resources["IngestTask0Rule0"]["Properties"]
    assert rule["Targets"][0] == {
        "Id": "IngestTask0",
        "Arn": {"Fn::GetAtt": ["DefaultQueue", "Arn"]},
        "SqsParameters": {"MessageGroupId": "ingest"},
        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}},
    }
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Fn::Sub": "shop-prod-uploads-${AWS::AccountId}-${AWS::Region}"}]}},
    }
    (sender,) = asked.senders
    assert sender["Principal"] == {"Service": "events.amazonaws.com"}
    assert sender["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Fn::GetAtt": ["IngestTask0Rule0", "Arn"]}}


@pytest.mark.parametrize(
    ("bucket", "patterns"),
    [
        (Bucket("acme", existing=True, prefix="in/"), [("Object Created", {"object": {"key": [{"prefix": "in/"}]}})]),
        (Bucket("acme", existing=True, suffix=".x"), [("Object Created", {"object": {"key": [{"suffix": ".x"}]}})]),
        (
            Bucket("acme", existing=True, prefix="i*\\", suffix=".x"),
            [("Object Created", {"object": {"key": [{"wildcard": "i\\*\\\\*.x"}]}})],
        ),
        (
            Bucket("acme", existing=True, events=["ObjectCreated:Put", "ObjectRemoved:*", "ObjectRemoved:Delete"]),
            [("Object Created", {"reason": ["PutObject"]}), ("Object Deleted", {})],
        ),
        (
            Bucket("acme", existing=True, events=["ObjectRemoved:DeleteMarkerCreated"]),
            [("Object Deleted", {"deletion-type": ["Delete Marker Created"]})],
        ),
    ],
)
def test_a_bucket_that_is_there_sends_by_rules_of_eventbridge(bucket: Bucket, patterns: list[Any]) -> None:
    asked = bucket.asks(target())
    made = list(asked.resources.values())
    assert [one["Type"] for one in made] == ["AWS::Events::Rule"] * len(patterns)
    assert [one["Properties"]["EventPattern"] for one in made] == [
        {"source": ["aws.s3"], "detail-type": [kind], "detail": {"bucket": {"name": ["acme"]}, **more}}
        for kind, more in patterns
    ]
    assert len(asked.senders) == len(asked.undelivered) == len(patterns)


def test_what_is_gone_need_not_be_read() -> None:
    assert not Bucket("uploads", events=["ObjectRemoved:*"]).asks(target()).statements
    assert Bucket("uploads", events=["ObjectRemoved:*", "ObjectTagging:Put"]).asks(target()).statements


def test_tasks_that_share_a_bucket_ask_for_the_same_one() -> None:
    one = copy.deepcopy(Bucket("uploads", prefix="a/").asks(target("a")).resources)
    other = Bucket("uploads", prefix="b/").asks(target("b")).resources
    assert one.keys() == other.keys() == {"BucketUploads", "BucketUploadsPolicy"}
    for resources in (one, other):
        del resources["BucketUploads"]["Properties"]["NotificationConfiguration"]
    assert one == other


def test_names_that_look_alike_are_different_buckets() -> None:
    ids = {id for name in ("raw-1", "raw1", "raw", "r-aw1") for id in Bucket(name).asks(target()).resources}
    assert len(ids) == 8
