"""What stands beside and on managed queues: extras, tags, alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.config.shop import built, read, refused

from ebbtide.version import __version__

TOPIC, OTHER = "arn:aws:sns:eu-west-1:123456789012:all", "arn:aws:sns:eu-west-1:123456789012:prod"
ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "AlarmName": {"Fn::Sub": "${$QUEUEID.QueueName}-$QUEUEID"},
        "AlarmActions": [{"Ref": "$EXTRA1"}],
        "Tags": [{"Key": "framework", "Value": "mine"}],
        "$QUEUEID": 3,
    },
}


def tags_of(made: Any) -> dict[str, str]:
    tags = made["Properties"]["Tags"]
    pairs = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
    assert len(pairs) == len(tags)
    return pairs


@pytest.mark.parametrize(
    ("queue", "begin", "end"),
    [
        ("OrdersALQueue", "OrdersALFunc", ""),
        ("OrdersALQueueL1", "OrdersALFunc", "L1"),
        ("ManyALQueue", "ManyALFunc", ""),
        ("AsyncLambdaDLQ", "AsyncLambdaDLQ", ""),
    ],
)
def test_extras_stand_beside_every_lane_and_the_dead_letters_and_refer_to_them(
    tmp_path: Path, queue: str, begin: str, end: str
) -> None:
    made = built(tmp_path, {"managed_queue_extras": [ALARM, {"Type": "AWS::SNS::Topic"}]})
    assert queue in made
    assert made[f"{begin}Extra1{end}"] == {"Type": "AWS::SNS::Topic"}
    assert made[f"{begin}Extra0{end}"] == {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": f"${{{queue}.QueueName}}-{queue}"},
            "AlarmActions": [{"Ref": f"{begin}Extra1{end}"}],
            "Tags": [{"Key": "framework", "Value": "mine"}],  # its own, whatever all others have
            queue: 3,
        },
    }


def test_the_place_of_an_extra_is_its_name_so_none_is_left_out_for_being_alike(tmp_path: Path) -> None:
    topic, second = {"Type": "AWS::SNS::Topic"}, {"Type": "AWS::SNS::Topic", "DependsOn": "$EXTRA1"}
    said = {"managed_queue_extras": [topic], "stages": {"prod": {"managed_queue_extras": [topic, second]}}}
    made = read(tmp_path, said).resources
    assert made["OrdersALFuncExtra1"] == topic
    assert made["OrdersALFuncExtra2"] == {"Type": "AWS::SNS::Topic", "DependsOn": "OrdersALFuncExtra1"}


def test_an_extra_of_a_task_comes_after_the_apps_and_may_refer_to_them(tmp_path: Path) -> None:
    own = {"Type": "AWS::SNS::Topic", "DependsOn": "$EXTRA0"}
    said = {"managed_queue_extras": [{"Type": "AWS::SNS::Topic"}], "tasks": {"Orders": {"managed_queue_extras": [own]}}}
    made = read(tmp_path, said).resources
    assert made["OrdersALFuncExtra1L1"]["DependsOn"] == "OrdersALFuncExtra0L1"
    assert "ManyALFuncExtra1" not in made


def test_an_extra_of_the_app_cannot_refer_to_one_that_only_a_task_has(tmp_path: Path) -> None:
    topic = {"Type": "AWS::SNS::Topic"}
    said = {
        "managed_queue_extras": [{**topic, "DependsOn": "$EXTRA1"}],
        "tasks": {"Orders": {"managed_queue_extras": [topic]}},
    }
    assert refused(tmp_path, said) == [
        ".async_lambda/config.json:3: there is no $EXTRA1 here, but $EXTRA0 only",
    ]


@pytest.mark.parametrize(
    ("id", "kind", "lane"),
    [
        ("OrdersALQueue", "managed", "0"),
        ("OrdersALQueueL1", "managed", "1"),
        ("ManyALQueue", "managed", "0"),
        ("LettersALQueue", "dlq-task", None),
        ("AsyncLambdaDLQ", "dlq", None),
    ],
)
def test_a_queue_is_tagged_with_its_kind_and_lane_whatever_the_user_says(
    tmp_path: Path, id: str, kind: str, lane: str | None
) -> None:
    said = {"tags": {"team": "blue", "async-lambda-queue-type": "mine", "async-lambda-lane": "7"}}
    tags = tags_of(built(tmp_path, said)[id])
    assert (tags["async-lambda-queue-type"], tags.get("async-lambda-lane"), tags["team"]) == (kind, lane, "blue")


def test_all_that_can_have_tags_has_the_users_and_the_frameworks_which_win(tmp_path: Path) -> None:
    said = {
        "tags": {"team": "blue", "framework": "mine", "framework-version": "mine"},
        "domain_name": "a.example",
        "hosted_zone_id": "Z1",
        "auto_create_acm_certificate": True,
        "logging_config": {"LogFormat": "Text"},
    }
    tagged = {id: tags_of(one) for id, one in built(tmp_path, said).items() if "Tags" in one["Properties"]}
    assert {"OrdersALFunc", "OrdersALFuncRole", "StageApi", "AsyncLambdaAPICertificate", "StageTable"} <= tagged.keys()
    for id, tags in tagged.items():
        assert tags.items() >= {"team": "blue", "framework": "ebbtide", "framework-version": __version__}.items(), id


def test_a_tasks_tags_stand_on_its_function_and_queues_and_on_no_others(tmp_path: Path) -> None:
    made = built(tmp_path, {"tags": {"team": "blue"}, "tasks": {"Orders": {"tags": {"team": "red", "own": "1"}}}})
    for id in ("OrdersALFunc", "OrdersALFuncRole", "OrdersALQueue", "OrdersALQueueL1"):
        assert (tags_of(made[id])["team"], tags_of(made[id])["own"]) == ("red", "1")
    for id in ("ManyALFunc", "ManyALQueue", "AsyncLambdaDLQ"):
        assert (tags_of(made[id])["team"], tags_of(made[id]).get("own")) == ("blue", None)


def test_the_alarm_of_every_lane_is_as_the_user_says(tmp_path: Path) -> None:
    said = {"queue_age_alarm": {"threshold": 600, "period": 300, "alarm_actions": [TOPIC], "ok_actions": [OTHER]}}
    made = built(tmp_path, said)
    for id in ("OrdersALQueueAge", "OrdersALQueueL1Age", "ManyALQueueAge", "LettersALQueueAge"):
        alarm = made[id]["Properties"]
        assert (alarm["Threshold"], alarm["Period"]) == (600, 300)
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([TOPIC], [OTHER])
        assert alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    letters = made["AsyncLambdaDLQAlarm"]["Properties"]
    assert (letters["Threshold"], letters["AlarmActions"], letters["OKActions"]) == (0, [TOPIC], [OTHER])


def test_the_nearest_alarm_takes_the_place_of_the_others(tmp_path: Path) -> None:
    said = {
        "queue_age_alarm": {"threshold": 600, "alarm_actions": [TOPIC]},
        "stages": {"prod": {"queue_age_alarm": {"threshold": 60, "alarm_actions": [OTHER]}}},
        "tasks": {"Orders": {"queue_age_alarm": {"threshold": 6}}},
    }
    made = built(tmp_path, said)
    many, orders = made["ManyALQueueAge"]["Properties"], made["OrdersALQueueL1Age"]["Properties"]
    assert (many["Threshold"], many["AlarmActions"], many["Period"]) == (60, [OTHER], 86_400)
    assert (orders["Threshold"], "AlarmActions" in orders) == (6, False)
