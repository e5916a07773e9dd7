"""What is wrong with the file is told, all at once, each with its line and its cure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.config.shop import line_of, read, refused, without_api

from ebbtide.contrib.async_lambda.config.keys import KEYS

WIDE = [name for name, key in KEYS.items() if key.wide]
RIGHT: dict[str, Any] = {
    "method_settings": [],
    "domain_name": "a.example",
    "tls_version": "TLS_1_2",
    "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/x",
    "hosted_zone_id": "Z1",
    "auto_create_acm_certificate": True,
    "image_uri": "one:two",
}


@pytest.mark.parametrize("key", WIDE)
@pytest.mark.parametrize("stages", [False, True])
def test_what_is_for_the_whole_app_is_refused_at_a_task_and_its_stages(tmp_path: Path, key: str, stages: bool) -> None:
    own: Any = {key: RIGHT[key]}
    said = {"tasks": {"Page": {"stages": {"prod": own}} if stages else own}}
    told = f"{key!r} is for the whole app; say it at the top of the file or in a stage"
    assert refused(tmp_path, said) == [f".async_lambda/config.json:{line_of(said, key)}: {told}"]


@pytest.mark.parametrize(
    "said",
    [
        {"layer": []},
        {"stages": {"prod": {"layer": []}}},
        {"tasks": {"Orders": {"layer": []}}},
        {"tasks": {"Orders": {"stages": {"prod": {"layer": []}}}}},
        {"tasks": {"Orders": {"stages": {"elsewhere": {"layer": []}}}}},
    ],
)
def test_a_key_nobody_knows_is_refused_on_every_level_of_every_stage(tmp_path: Path, said: Any) -> None:
    told = f".async_lambda/config.json:{line_of(said, 'layer')}: unknown key 'layer'. Did you mean 'layers'?"
    assert told in refused(tmp_path, said, None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"tasks": {"Order": {}}}, "3: the app has no task 'Order'. Did you mean 'Orders'?"),
        ({"stages": []}, '2: stages must be an object, as {"NAME": {...}}'),
        ({"stages": {"prod": []}}, "3: prod must be an object, as {}"),
        ({"tasks": {"Orders": 3}}, "3: Orders must be an object, as {}"),
        ({"tasks": {"Orders": {"stages": 3}}}, '4: stages must be an object, as {"NAME": {...}}'),
        ({"stages": {"prod": {"stages": {}}}}, "4: unknown key 'stages'."),
        ({"tasks": {"Orders": {"tasks": {}}}}, "4: unknown key 'tasks'. Did you mean 'tags'?"),
        ({"environment_variables": []}, "2: environment_variables: a table expected"),
        ({"environment_variables": {"AB": None}}, '3: AB: text in quotes, as "text", expected'),
        (
            {"environment_variables": {"EBBTIDE_BROKER": "x"}},
            "3: EBBTIDE_BROKER is set by the framework itself; choose",
        ),
        ({"environment_variables": {"ASYNC_LAMBDA_TASK_ID": "x"}}, "3: ASYNC_LAMBDA_TASK_ID is set by the framework"),
        ({"layers": "one"}, '2: layers = \'one\': a list, as ["one", "two"], expected'),
        ({"layers": ["one", 2]}, '4: layers = 2: text, or a reference as {"Ref": "Name"}, expected'),
        ({"layers": [""]}, "3: layers = '': text, or a reference"),
        ({"layers": [{"Rf": "Name"}]}, "3: layers = {'Rf': 'Name'}: text, or a reference"),
        ({"layers": None}, "2: layers = None: a list"),
        ({"subnet_ids": {}}, "2: subnet_ids = {}: a list"),
        ({"security_group_ids": [1]}, "3: security_group_ids = 1: text"),
        ({"tags": {"team": 7}}, "3: team = 7: text, or a reference"),
        ({"tags": ["team"]}, "2: tags = ['team']: a table expected"),
        ({"policies": {}}, "2: policies: a list of policies expected"),
        ({"policies": [3]}, "3: policies: an ARN, a statement or a policy document expected"),
        ({"logging_config": {"LogFormat": "json"}}, "3: LogFormat = 'json': one of 'Text', 'JSON' expected"),
        ({"logging_config": {"LogLevel": "INFO"}}, "3: unknown key 'LogLevel'."),
        ({"logging_config": {"ApplicationLogLevel": "WARNING"}}, "3: ApplicationLogLevel = 'WARNING': one of 'TRACE'"),
        (
            {"logging_config": {"SystemLogLevel": "ERROR"}},
            "3: SystemLogLevel = 'ERROR': one of 'DEBUG', 'INFO', 'WARN'",
        ),
        ({"logging_config": {"LogGroup": ""}}, "3: LogGroup = '': the name of a log group, or a reference"),
        (
            {"logging_config": {"ApplicationLogLevel": "WARN"}},
            '3: ApplicationLogLevel needs "LogFormat": "JSON": Lambda',
        ),
        ({"subnet_ids": ["one"]}, "2: subnet_ids needs security_group_ids: Lambda takes both or none"),
        ({"security_group_ids": ["one"]}, "2: security_group_ids needs subnet_ids: Lambda takes both or none"),
        ({"layers": ["one"], "image_uri": "a:b"}, "2: a container image has no layers; put them into the image"),
        ({"managed_queue_extras": {}}, "2: managed_queue_extras = {}: a list of resources expected"),
        ({"managed_queue_extras": [{}]}, "3: managed_queue_extras has no Type"),
        ({"managed_queue_extras": ["x"]}, "3: managed_queue_extras: a CloudFormation resource, as an object with Type"),
        (
            {"managed_queue_extras": [{"Type": "A", "Properties": "$EXTRA1"}]},
            "3: there is no $EXTRA1 here, but $EXTRA0",
        ),
        (
            {"tasks": {"Page": {"managed_queue_extras": []}}},
            "4: 'managed_queue_extras' is for tasks with a managed queue",
        ),
        (
            {"tasks": {"Page": {"queue_age_alarm": {"threshold": 1}}}},
            "4: 'queue_age_alarm' is for tasks with a managed",
        ),
        ({"queue_age_alarm": {}}, "2: queue_age_alarm has no threshold"),
        ({"queue_age_alarm": {"threshold": "1h"}}, "3: threshold = '1h': seconds, 0 or more, expected"),
        ({"queue_age_alarm": {"threshold": 1, "period": 90}}, "4: period = 90: seconds, a multiple of 60 up to 86400,"),
        ({"queue_age_alarm": {"threshold": 1, "alarm_actions": "x"}}, "4: alarm_actions = 'x': a list"),
        (
            {"queue_age_alarm": {"threshold": 1, "oks": []}},
            "4: unknown key 'oks'. Known: alarm_actions, ok_actions, period, threshold.",
        ),
        ({"tls_version": "TLS_1_0"}, "2: tls_version = 'TLS_1_0': 'TLS_1_2', since an HTTP API speaks nothing older,"),
        ({"domain_name": "https://a.example"}, "2: domain_name = 'https://a.example': a domain, as 'api.example.com',"),
        (
            {"domain_name": "a.example"},
            "2: domain_name needs a certificate: add certificate_arn, or auto_create_acm_cer",
        ),
        (
            {"domain_name": "a.example", "auto_create_acm_certificate": True},
            "3: auto_create_acm_certificate needs hosted_zone_id: the certificate is proved by an entry in that zone",
        ),
        ({"certificate_arn": 3}, "2: certificate_arn = 3: text, or a reference"),
        ({"hosted_zone_id": 3}, "2: hosted_zone_id = 3: text, or a reference"),
        ({"auto_create_acm_certificate": "yes"}, "2: auto_create_acm_certificate = 'yes': true or false expected"),
        ({"image_uri": {"Ref": "Image"}}, "2: image_uri = {'Ref': 'Image'}: the URI of an image, as"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, said: Any, told: str) -> None:
    (line,) = refused(tmp_path, said)
    assert line.startswith(f".async_lambda/config.json:{told}"), line


def test_what_is_for_queues_is_refused_at_a_task_without_one(tmp_path: Path) -> None:
    said: Any = {"tasks": {"Nightly": {"managed_queue_extras": []}}}
    (line,) = refused(tmp_path, said)
    assert line.endswith("'managed_queue_extras' is for tasks with a managed queue, and 'Nightly' has none")


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    said = {"layer": [], "tags": {"a": 1}, "stages": {"prod": {"policies": 3}}, "tasks": {"Order": {}}}
    lines = [int(line.split(":")[1]) for line in refused(tmp_path, said)]
    assert lines == [line_of(said, word) for word in ('"layer"', '"a"', '"policies"', '"Order"')]


def test_a_fault_of_the_app_is_told_once_and_not_for_every_task(tmp_path: Path) -> None:
    assert len(refused(tmp_path, {"subnet_ids": ["one"]})) == 1


def test_what_is_secret_is_not_shown(tmp_path: Path) -> None:
    said = {"environment_variables": {"TOKEN": ["hunter2"]}, "policies": [["hunter2"]]}
    assert "hunter2" not in "\n".join(refused(tmp_path, said))


def test_variables_of_the_framework_that_are_the_users_to_set_are_taken(tmp_path: Path) -> None:
    own = {"ASYNC_LAMBDA_FORCE_SYNC": "1", "ASYNC_LAMBDA_BATCH_FAILURE_RETRY_COUNT": "3", "EBBTIDE_MARGIN": "5"}
    assert read(tmp_path, {"environment_variables": own}).everywhere.environment == own


@pytest.mark.parametrize(
    "said",
    [
        {"domain_name": "a.example"},
        {"method_settings": [{"ResourcePath": "/none", "HttpMethod": "GET", "ThrottlingBurstLimit": 1}]},
    ],
)
def test_what_is_for_the_api_is_left_alone_where_there_is_none(tmp_path: Path, said: Any) -> None:
    made = read(tmp_path, said, app=without_api)
    assert not made.api.domain
    assert not [id for id in made.resources if id.startswith("Stage")]


def test_a_security_group_may_stand_nearer_than_its_subnets(tmp_path: Path) -> None:
    said = {"subnet_ids": ["s"], "stages": {"prod": {"security_group_ids": ["g"]}}}
    assert read(tmp_path, said).of("Orders").vpc == {"subnets": ["s"], "security_groups": ["g"]}
