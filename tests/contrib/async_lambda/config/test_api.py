"""What the file says of the API: its domain, certificate, zone, and the limits of its routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contrib.async_lambda.config.shop import built, read, refused

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/x"
PATH = "/orders/{id}"


def limits(folder: Path, *said: Any) -> Any:
    """The properties of the API's stage that these become."""
    made: Any = read(folder, {"method_settings": list(said)}).resources.get("StageApiStage", {})
    return made.get("Properties", {})


def test_a_domain_with_a_certificate_is_in_the_template(tmp_path: Path) -> None:
    made = built(tmp_path, {"domain_name": "a.example", "certificate_arn": CERTIFICATE})
    properties = made["StageApiDomain"]["Properties"]
    assert properties["DomainName"] == "a.example"
    (settings,) = properties["DomainNameConfigurations"]
    assert settings == {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    assert not {"AsyncLambdaAPICertificate", "AsyncLambdaAPIRecord"} & made.keys()


def test_a_certificate_is_made_and_proved_in_the_zone(tmp_path: Path) -> None:
    said = {"domain_name": "a.example", "hosted_zone_id": {"Ref": "Zone"}, "auto_create_acm_certificate": True}
    made = built(tmp_path, said)
    properties = made["AsyncLambdaAPICertificate"]["Properties"]
    assert properties["DomainValidationOptions"] == [{"DomainName": "a.example", "HostedZoneId": {"Ref": "Zone"}}]
    (settings,) = made["StageApiDomain"]["Properties"]["DomainNameConfigurations"]
    assert settings["CertificateArn"] == {"Ref": "AsyncLambdaAPICertificate"}
    assert made["AsyncLambdaAPIRecord"]["Properties"] == {
        "HostedZoneId": {"Ref": "Zone"},
        "Name": "a.example",
        "Type": "A",
        "AliasTarget": {
            "DNSName": {"Fn::GetAtt": ["StageApiDomain", "RegionalDomainName"]},
            "HostedZoneId": {"Fn::GetAtt": ["StageApiDomain", "RegionalHostedZoneId"]},
        },
    }


def test_a_certificate_of_the_users_goes_before_one_to_be_made(tmp_path: Path) -> None:
    said = {
        "domain_name": "a.example",
        "certificate_arn": CERTIFICATE,
        "hosted_zone_id": "Z1",
        "auto_create_acm_certificate": True,
    }
    made = read(tmp_path, said)
    assert made.api.domain["certificate"] == CERTIFICATE
    assert "AsyncLambdaAPIRecord" in made.resources
    assert "AsyncLambdaAPICertificate" not in made.resources


def test_a_certificate_may_stand_on_another_level_than_its_domain(tmp_path: Path) -> None:
    said = {"certificate_arn": CERTIFICATE, "stages": {"prod": {"domain_name": "a.example"}}}
    assert read(tmp_path, said).api.domain["name"] == "a.example"
    assert not read(tmp_path, said, None).api.domain


def test_limits_and_metrics_are_in_an_http_apis_words(tmp_path: Path) -> None:
    said = {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 2.5, "MetricsEnabled": True}
    words = {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 2.5, "DetailedMetricsEnabled": True}
    every = {"ResourcePath": "/*", "HttpMethod": "*"}
    assert limits(tmp_path, {**every, **said}) == {"DefaultRouteSettings": words}


@pytest.mark.parametrize("path", [PATH, "/~1orders~1{id}", "/*"])
@pytest.mark.parametrize("method", ["GET", "get", "*"])
def test_a_route_is_named_by_its_path_and_method_as_a_rest_api_has_them(tmp_path: Path, path: str, method: str) -> None:
    made = limits(tmp_path, {"ResourcePath": path, "HttpMethod": method, "ThrottlingBurstLimit": 5})
    said = {"ThrottlingBurstLimit": 5}
    if (path, method) == ("/*", "*"):
        assert made == {"DefaultRouteSettings": said}
    else:
        assert made == {"RouteSettings": {f"GET {PATH}": said}}


def test_what_is_said_of_a_route_lies_over_what_is_said_of_every_one(tmp_path: Path) -> None:
    every = {"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 3}
    one = {"ResourcePath": PATH, "HttpMethod": "GET", "ThrottlingBurstLimit": 9}
    assert limits(tmp_path, one, every)["RouteSettings"] == {
        f"GET {PATH}": {"ThrottlingBurstLimit": 9, "ThrottlingRateLimit": 3}
    }


def test_the_stages_limits_are_merged_with_the_apps(tmp_path: Path) -> None:
    every = {"ResourcePath": "/*", "HttpMethod": "*"}
    said = {
        "method_settings": [{**every, "ThrottlingBurstLimit": 5}],
        "stages": {"prod": {"method_settings": [{**every, "ThrottlingRateLimit": 3}]}},
    }
    made = built(tmp_path, said)["StageApiStage"]["Properties"]
    assert made["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 5, "ThrottlingRateLimit": 3}


def test_the_apis_stage_comes_after_the_routes_it_has_settings_for(tmp_path: Path) -> None:
    said = {"method_settings": [{"ResourcePath": PATH, "HttpMethod": "GET", "MetricsEnabled": True}]}
    made = built(tmp_path, said)
    (route,) = made["StageApiStage"]["DependsOn"]
    assert made[route]["Properties"]["RouteKey"] == f"GET {PATH}"


def test_what_turns_off_what_an_http_api_has_not_is_taken(tmp_path: Path) -> None:
    off = {"CachingEnabled": False, "DataTraceEnabled": False, "LoggingLevel": "OFF"}
    assert limits(tmp_path, {"ResourcePath": "/*", "HttpMethod": "*", **off}) == {}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"CachingEnabled": True}, "6: the API is an HTTP API, which has no cache; take CachingEnabled out"),
        ({"CacheTtlInSeconds": 60}, "6: the API is an HTTP API, which has no cache; take CacheTtlInSeconds out"),
        ({"CacheDataEncrypted": True}, "6: the API is an HTTP API, which has no cache; take CacheDataEncrypted out"),
        ({"DataTraceEnabled": True}, "6: the API is an HTTP API, which has no execution log; its access log is always"),
        ({"LoggingLevel": "INFO"}, "6: the API is an HTTP API, which has no execution log; its access log is always"),
        ({"ThrottlingBurst": 1}, "6: unknown key 'ThrottlingBurst'. Did you mean 'ThrottlingBurstLimit'?"),
        ({"ThrottlingBurstLimit": 1.5}, "6: ThrottlingBurstLimit = 1.5: a whole number, 0 or more, expected"),
        ({"ThrottlingRateLimit": "9"}, "6: ThrottlingRateLimit = '9': a number, 0 or more, expected"),
        ({"MetricsEnabled": 1}, "6: MetricsEnabled = 1: true or false expected"),
        (
            {"ResourcePath": "/order/{id}"},
            "3: no api_task has the route '* /order/{id}'. Did you mean 'GET /orders/{id}",
        ),
        ({"HttpMethod": "POST"}, "3: no api_task has the route 'POST *'."),
    ],
)
def test_what_an_http_api_has_not_is_refused(tmp_path: Path, said: Any, told: str) -> None:
    (line,) = refused(tmp_path, {"method_settings": [{"ResourcePath": "/*", "HttpMethod": "*", **said}]})
    assert line.startswith(f".async_lambda/config.json:{told}"), line


@pytest.mark.parametrize(("name", "every"), [("ResourcePath", "/*"), ("HttpMethod", "*")])
def test_a_setting_names_path_and_method(tmp_path: Path, name: str, every: str) -> None:
    said = {"ResourcePath": "/*", "HttpMethod": "*"}
    del said[name]
    (line,) = refused(tmp_path, {"method_settings": [said]})
    assert line == f'.async_lambda/config.json:3: method_settings has no {name}; "{every}" is for every one'
