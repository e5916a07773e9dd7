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
        self.secrets = {"shop/db": '{"url": "postgres://db", "port": 5432}', "plain": "text"}
        self.calls: list[str] = []

    def of(self, service: str) -> Any:
        return self

    def get_parameters(self, Names: list[str], WithDecryption: bool) -> Any:
        assert WithDecryption
        assert 1 <= len(Names) <= 10
        self.calls.append("ssm")
        there = [name for name in Names if name in self.parameters]
        return {"Parameters": [{"Name": name, "Value": self.parameters[name]} for name in there]}

    def get_secret_value(self, SecretId: str) -> Any:
        self.calls.append(SecretId)
        if SecretId not in self.secrets:
            raise StorageError(f"get_secret_value: there is no {SecretId}")
        return {"SecretString": self.secrets[SecretId]}


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
        ({"KEY": "vault:x"}, TargetError, "KEY must refer"),
        ({"KEY": 7}, TargetError, "KEY must refer"),
        (["KEY"], TargetError, "JSON object"),
    ],
)
def test_what_cannot_be_read_is_told_by_name(references: Any, error: type[EbbtideError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        revealed(references)
    assert "postgres" not in str(caught.value)
