"""Secrets that the environment refers to."""

import json
from typing import Any

import pytest

from ebbtide.errors import EbbtideError, StorageError, TargetError
from ebbtide.on_lambda.secrets import VARIABLE, reveal


class Services:
    """SSM and Secrets Manager with some secrets. calls: what was asked."""

    def __init__(self) -> None:
        self.parameters = {f"/shop/{number}": f"value {number}" for number in range(15)}
        self.parameters["/shop/key:3"] = "the third version"
        self.secrets: dict[str, str | bytes] = {
            "shop/db": '{"url": "postgres://db", "port": 5432}',
            "plain": "text",
            "bytes": b"\x00postgres",
        }
        self.calls: list[str] = []

    def of(self, service: str) -> Any:
        return self

    def get_parameters(self, Names: list[str], WithDecryption: bool) -> Any:
        assert WithDecryption
        assert 1 <= len(Names) <= 10
        self.calls.append("ssm")
        there = [name for name in Names if name in self.parameters]
        return {"Parameters": [self.parameter(name) for name in there]}

    def parameter(self, name: str) -> dict[str, str]:
        bare, colon, version = name.partition(":")
        return {"Name": bare, "Value": self.parameters[name], **({"Selector": f":{version}"} if colon else {})}

    def get_secret_value(self, SecretId: str) -> Any:
        self.calls.append(SecretId)
        if SecretId not in self.secrets:
            raise StorageError(f"get_secret_value: there is no {SecretId}")
        secret = self.secrets[SecretId]
        return {"SecretString": secret} if isinstance(secret, str) else {"SecretBinary": secret}


def revealed(references: Any, services: Services | None = None) -> dict[str, str]:
    environment = {VARIABLE: json.dumps(references), "OTHER": "as it was"}
    reveal(environment, services or Services())
    assert environment.pop("OTHER") == "as it was"
    del environment[VARIABLE]
    return environment


def test_each_is_read_from_where_its_reference_says() -> None:
    references = {
        "KEY": "ssm:/shop/1",
        "ALL": "secretsmanager:plain",
        "URL": "secretsmanager:shop/db#url",
        "PORT": "secretsmanager:shop/db#port",
    }
    expected = {"KEY": "value 1", "ALL": "text", "URL": "postgres://db", "PORT": "5432"}
    assert revealed(references) == expected


def test_each_is_asked_for_once_and_parameters_ten_at_a_time() -> None:
    services = Services()
    references = {f"K{number}": f"ssm:/shop/{number}" for number in range(15)}
    found = revealed(references | {"A": "secretsmanager:shop/db#url", "B": "secretsmanager:shop/db#port"}, services)
    assert len(found) == 17
    assert services.calls == ["ssm", "ssm", "shop/db"]


@pytest.mark.parametrize(
    ("references", "error", "words"),
    [
        ({"KEY": "ssm:/shop/none"}, StorageError, "KEY: Parameter Store has no '/shop/none'"),
        ({"KEY": "secretsmanager:none"}, StorageError, "none"),
        ({"KEY": "secretsmanager:shop/db#pasword"}, StorageError, "KEY: 'shop/db' is no JSON object with 'pasword'"),
        ({"KEY": "secretsmanager:plain#url"}, StorageError, "no JSON object"),
        ({"KEY": "secretsmanager:bytes"}, StorageError, "KEY: 'bytes' holds bytes, and a variable is text"),
        ({"KEY": "secretsmanager:bytes#url"}, StorageError, "KEY: 'bytes' holds bytes"),
        ({"KEY": "vault:x"}, TargetError, "KEY must refer"),
        ({"KEY": 7}, TargetError, "KEY must refer"),
        (["KEY"], TargetError, "JSON object"),
    ],
)
def test_what_cannot_be_read_is_told_by_name(references: Any, error: type[EbbtideError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        revealed(references)
    assert "postgres" not in str(caught.value)


def test_one_version_of_a_parameter_can_be_asked_for() -> None:
    assert revealed({"KEY": "ssm:/shop/key:3"}) == {"KEY": "the third version"}


def test_a_secret_takes_the_place_of_a_variable_of_its_name() -> None:
    environment = {VARIABLE: json.dumps({"KEY": "ssm:/shop/1"}), "KEY": "as it was"}
    reveal(environment, Services())
    assert environment["KEY"] == "value 1"
