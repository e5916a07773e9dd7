"""Every key on every level it may have, and what it becomes in the template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.config.shop import built, read, shop, write

from ebbtide.contrib.async_lambda.config.keys import KEYS
from ebbtide.contrib.async_lambda.config.pending import kept
from ebbtide.contrib.async_lambda.config.settings import settings_of
from ebbtide.contrib.async_lambda.config.tags import queue_tags
from ebbtide.deploy.checks import findings
from ebbtide.deploy.settings import Settings
from ebbtide.deploy.settings import settings_of as of_any_app

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/x"
JSON_LOGS = {"LogFormat": "JSON"}
TRACED = {"Tracing": "Active"}

EXAMPLES: dict[str, tuple[Any, Any, Any]] = {
    # what is said, what of the function Orders then is what
    "environment_variables": ({"AB": "1"}, "environment", {"AB": "1"}),
    "policies": (["arn:aws:iam::aws:policy/A"], "managed_policies", ["arn:aws:iam::aws:policy/A"]),
    "layers": (["one"], "layers", ["one"]),
    "logging_config": (JSON_LOGS, "properties", {"EphemeralStorage": {"Size": 1024}, "LoggingConfig": JSON_LOGS}),
    "function_properties": (TRACED, "properties", {"EphemeralStorage": {"Size": 1024}, **TRACED}),
}


def at_level(level: str, said: Any) -> Any:
    return {
        "app": said,
        "stage": {"stages": {"prod": said}},
        "task": {"tasks": {"Orders": said}},
        "task's stage": {"tasks": {"Orders": {"stages": {"prod": said}}}},
    }[level]


LEVELS = pytest.mark.parametrize("level", ["app", "stage", "task", "task's stage"])
WIDE = pytest.mark.parametrize("level", ["app", "stage"])


def reaches(level: str, settings: Settings, holds: Any) -> bool:
    """Whether it holds of Orders, and of the others if it was said for them."""
    others = [settings.of(task) for task in ("Page", "Letters", "Many", "Nightly")] + [settings.everywhere]
    return holds(settings.of("Orders")) and all(holds(one) == (level in ("app", "stage")) for one in others)


@LEVELS
@pytest.mark.parametrize("key", EXAMPLES)
def test_a_key_of_functions_reaches_those_it_is_said_for(tmp_path: Path, key: str, level: str) -> None:
    value, field, becomes = EXAMPLES[key]
    made = read(tmp_path, at_level(level, {key: value}))
    assert getattr(made.of("Orders"), field) == becomes
    assert reaches(level, made, lambda one: _says(getattr(one, field), value))


def _says(found: Any, value: Any) -> bool:
    """Whether it is what was found, a part of it, or among its values."""
    if found == value or not isinstance(found, dict):
        return bool(found == value)
    return value in found.values() or (isinstance(value, dict) and value.items() <= found.items())


@LEVELS
def test_a_network_reaches_those_it_is_said_for(tmp_path: Path, level: str) -> None:
    made = read(tmp_path, at_level(level, {"subnet_ids": ["b", "a"], "security_group_ids": ["g"]}))
    assert reaches(level, made, lambda one: one.vpc == {"subnets": ["b", "a"], "security_groups": ["g"]})


@LEVELS
def test_any_property_of_a_queue_passes_through(tmp_path: Path, level: str) -> None:
    made = read(tmp_path, at_level(level, {"queue_properties": {"DelaySeconds": 5}}))
    others = level in ("app", "stage")
    assert made.of("Orders").queue_properties == {"DelaySeconds": 5}
    assert (made.of("Letters").queue_properties == {"DelaySeconds": 5}) is others


def test_properties_of_several_levels_become_one(tmp_path: Path) -> None:
    near = {"function_properties": {"EphemeralStorage": {"Size": 2048}, "FileSystemConfigs": [{"Arn": "b"}]}}
    far = {"function_properties": {"Tracing": "Active", "FileSystemConfigs": [{"Arn": "a"}]}}
    properties = read(tmp_path, {**far, "tasks": {"Orders": near}}).of("Orders").properties
    assert properties == {
        "EphemeralStorage": {"Size": 2048},
        "Tracing": "Active",
        "FileSystemConfigs": [{"Arn": "a"}, {"Arn": "b"}],
    }


def test_subnets_keep_their_order_over_the_levels(tmp_path: Path) -> None:
    said = {
        "subnet_ids": ["z", "a"],
        "security_group_ids": ["y"],
        "tasks": {"Orders": {"subnet_ids": ["m", "a"], "security_group_ids": ["b"]}},
    }
    assert read(tmp_path, said).of("Orders").vpc == {"subnets": ["z", "a", "m"], "security_groups": ["y", "b"]}


@LEVELS
def test_tags_reach_those_they_are_said_for_functions_too(tmp_path: Path, level: str) -> None:
    made = read(tmp_path, at_level(level, {"tags": {"team": "blue"}}))
    assert reaches(level, made, lambda one: one.tags.get("team") == "blue")


@LEVELS
def test_an_alarm_reaches_the_lanes_it_is_said_for(tmp_path: Path, level: str) -> None:
    made = read(tmp_path, at_level(level, {"queue_age_alarm": {"threshold": 600}}))
    lanes = {"OrdersALQueueAge", "OrdersALQueueL1Age"}
    others = {"LettersALQueueAge", "ManyALQueueAge", "AsyncLambdaDLQAlarm"} if level in ("app", "stage") else set()
    alarms = {id for id in made.resources if id.endswith(("Age", "Alarm"))}
    assert alarms - kept(shop(), shop().place("prod")).keys() == lanes | others


@LEVELS
def test_extras_reach_the_lanes_they_are_said_for(tmp_path: Path, level: str) -> None:
    made = read(tmp_path, at_level(level, {"managed_queue_extras": [{"Type": "AWS::SNS::Topic"}]}))
    lanes = {"OrdersALFuncExtra0", "OrdersALFuncExtra0L1"}
    others = {"LettersALFuncExtra0", "ManyALFuncExtra0", "AsyncLambdaDLQExtra0"} if level in ("app", "stage") else set()
    assert {id for id in made.resources if "Extra" in id} == lanes | others


@WIDE
def test_a_domain_and_its_certificate_are_the_apis(tmp_path: Path, level: str) -> None:
    said = {"domain_name": "a.example", "certificate_arn": CERTIFICATE, "tls_version": "TLS_1_2"}
    made = read(tmp_path, at_level(level, said))
    assert made.api.domain == {"name": "a.example", "certificate": CERTIFICATE}


@WIDE
def test_a_zone_has_the_domains_certificate_made_and_the_domain_entered(tmp_path: Path, level: str) -> None:
    said = {"domain_name": "a.example", "hosted_zone_id": "Z1", "auto_create_acm_certificate": True}
    made = read(tmp_path, at_level(level, said))
    assert made.api.domain["certificate"] == {"Ref": "AsyncLambdaAPICertificate"}
    assert {"AsyncLambdaAPICertificate", "AsyncLambdaAPIRecord"} <= made.resources.keys()


@WIDE
def test_limits_are_the_stages_of_the_api(tmp_path: Path, level: str) -> None:
    said = {"method_settings": [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingBurstLimit": 5}]}
    made = read(tmp_path, at_level(level, said))
    assert made.resources["StageApiStage"] == {"Properties": {"DefaultRouteSettings": {"ThrottlingBurstLimit": 5}}}


@WIDE
def test_an_image_is_the_settings(tmp_path: Path, level: str) -> None:
    assert read(tmp_path, at_level(level, {"image_uri": "one:two"})).image == "one:two"
    assert read(tmp_path, {"image_uri": "one:two", "stages": {"prod": {"image_uri": "near:by"}}}).image == "near:by"


def test_every_key_is_tried_on_every_level_here() -> None:
    tried = {
        *EXAMPLES,
        "subnet_ids",
        "security_group_ids",
        "tags",
        "queue_age_alarm",
        "managed_queue_extras",
        "queue_properties",
    }
    tried |= {"domain_name", "certificate_arn", "tls_version", "hosted_zone_id", "auto_create_acm_certificate"}
    assert tried | {"method_settings", "image_uri"} == KEYS.keys()


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    made = settings_of(shop(), "prod", tmp_path)
    assert (made.source, made.of("Orders").layers, made.of("Orders").environment) == ("", [], {})
    place = shop().place("prod")
    assert made.resources.keys() == queue_tags(shop(), place).keys() | kept(shop(), place).keys()


def test_the_app_is_asked_for_its_settings_by_whatever_builds_and_deploys(tmp_path: Path) -> None:
    write(tmp_path, {"layers": ["one"]})
    assert of_any_app(shop(), "prod", tmp_path).of("Orders").layers == ["one"]


def test_the_framework_brings_what_async_lambda_does_without_being_asked(tmp_path: Path) -> None:
    made = read(tmp_path, {})
    assert (made.architecture, made.only, made.vendor, made.image) == ("x86_64", ("src",), ("vendor",), None)
    assert made.of("Orders").properties == {"EphemeralStorage": {"Size": 1024}}


def test_a_variable_of_a_task_wins_over_the_stages_and_the_apps_and_stays_with_its_function(tmp_path: Path) -> None:
    said = {
        "environment_variables": {"MODE": "app", "KEPT": "yes"},
        "stages": {"prod": {"environment_variables": {"MODE": "stage"}}},
        "tasks": {"Orders": {"environment_variables": {"MODE": "task", "OWN": "1"}}},
    }
    made = built(tmp_path, said)
    orders, many = (made[f"{task}ALFunc"]["Properties"]["Environment"]["Variables"] for task in ("Orders", "Many"))
    assert (orders["MODE"], orders["KEPT"], orders["OWN"]) == ("task", "yes", "1")
    assert (many["MODE"], many["KEPT"], many.get("OWN")) == ("stage", "yes", None)


def test_logging_is_lambdas_own_and_ours_follows_its_level(tmp_path: Path) -> None:
    said = {"logging_config": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "DEBUG"}}
    function = built(tmp_path, said)["OrdersALFunc"]["Properties"]
    assert function["LoggingConfig"].items() >= said["logging_config"].items()
    assert function["LoggingConfig"]["LogGroup"]["Ref"].startswith("Orders")
    assert function["Environment"]["Variables"]["EBBTIDE_LOG"] == "WARNING"


@pytest.mark.parametrize("group", ["/shop/all", {"Ref": "Group"}])
def test_a_log_group_of_the_users_can_be_written_to(tmp_path: Path, group: Any) -> None:
    made = built(tmp_path, {"logging_config": {"LogGroup": group}})
    assert made["OrdersALFunc"]["Properties"]["LoggingConfig"] == {"LogGroup": group}
    (document,) = made["OrdersALFuncRole"]["Properties"]["Policies"]
    arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}:*"
    assert {"Fn::Sub": [arn, {"Group": group}]} in document["PolicyDocument"]["Statement"][-1]["Resource"]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"environment_variables": {"AB": "1", "TZ": "UTC"}}, 4),
        ({"stages": {"prod": {"environment_variables": {"TZ": "UTC"}}}}, 5),
        ({"tasks": {"Orders": {"environment_variables": {"TZ": "UTC"}}}}, 5),
        ({"tasks": {"Orders": {"stages": {"prod": {"environment_variables": {"TZ": "UTC"}}}}}}, 7),
    ],
)
def test_what_a_check_finds_later_leads_to_its_line(tmp_path: Path, said: Any, line: int) -> None:
    (found,) = [one for one in findings(shop(), "prod", read(tmp_path, said)) if "TZ is set by Lambda" in one.message]
    assert (found.file, found.line) == (".async_lambda/config.json", line)


def test_a_stage_called_otherwise_on_aws_leads_to_its_line_too(tmp_path: Path) -> None:
    said = {"stages": {"prod-eu": {"environment_variables": {"TZ": "UTC"}}, "dev": {}}}
    found = [one for one in findings(shop(), "prodeu", read(tmp_path, said, "prodeu")) if "TZ" in one.message]
    assert [one.line for one in found] == [5]


def test_variables_with_the_names_of_secrets_do_not_end_the_build(tmp_path: Path) -> None:
    said = {"environment_variables": {"DB_PASSWORD": "hunter2hunter2"}}
    assert not [one for one in findings(shop(), "prod", read(tmp_path, said)) if "DB_PASSWORD" in one.message]
