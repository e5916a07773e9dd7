"""All keys of `.async_lambda/config.json`: of which kind each is, how its levels become one, and who may have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ebbtide.contrib.async_lambda.config.levels import Rule, deep, join, last, union, update
from ebbtide.deploy.settings.kinds import FLAG, PLAIN, TABLE, TEXT, Kind, Wrong, matching, named, one_of, table_of
from ebbtide.deploy.settings.merge import Path


class Key(NamedTuple):
    """wide: whether it is for the whole app, and refused at a task. queued: whether it is for tasks with a queue of
    their own only. means: in a few words."""

    kind: Kind
    rule: Rule
    wide: bool
    means: str
    queued: bool = False


def is_reference(value: Any) -> bool:
    """Whether it is a function of CloudFormation's, as `{"Ref": "Table"}`."""
    return isinstance(value, dict) and len(value) == 1 and (next(iter(value)) + " ").startswith(("Ref ", "Fn::"))


def within(found: Iterable[Wrong], path: Path, number: int) -> Iterator[Wrong]:
    """What was found to be wrong at a list's path, at the item of the list where it is."""
    return (Wrong((*path, str(number), *one.path[len(path) :]), one.message) for one in found)


def _is_text_or_reference(value: Any) -> bool:
    return (isinstance(value, str) and value != "") or is_reference(value)


def _list(each: Kind, wanted: str) -> Kind:
    return Kind(wanted, lambda value: isinstance(value, list), each=each)


def _is_period(value: Any) -> bool:
    return type(value) is int and 60 <= value <= 86_400 and value % 60 == 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


_REFERENCE = Kind('text, or a reference as {"Ref": "Name"},', _is_text_or_reference)
_TEXTS = _list(_REFERENCE, 'a list, as ["one", "two"],')
_VARIABLES = named(TEXT._replace(quiet=True))._replace(quiet=True)
_EXTRA = Kind(
    "a CloudFormation resource, as an object with Type and Properties,",
    TABLE.holds,
    each=PLAIN,
    required=("Type",),
    quiet=True,
)
_ALARM = table_of(
    "threshold",
    threshold=Kind("seconds, 0 or more,", _is_number),
    period=Kind("seconds, a multiple of 60 up to 86400,", _is_period),
    alarm_actions=_TEXTS,
    ok_actions=_TEXTS,
)
_LOGGING = table_of(
    ApplicationLogLevel=one_of("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"),
    LogFormat=one_of("Text", "JSON"),
    LogGroup=Kind('the name of a log group, or a reference as {"Ref": "Name"},', _is_text_or_reference),
    SystemLogLevel=one_of("DEBUG", "INFO", "WARN"),
)
_METHOD = Kind("an object with ResourcePath and HttpMethod", TABLE.holds)
_POLICY = Kind("an ARN, a statement or a policy document", lambda value: isinstance(value, (str, dict)), quiet=True)
_TLS = matching("TLS_1_2", "'TLS_1_2', since an HTTP API speaks nothing older,")
_IMAGE = matching(r"\S+", "the URI of an image, as 'ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG',")
_DOMAIN = matching(r"(\*\.)?([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+", "a domain, as 'api.example.com',")

KEYS: dict[str, Key] = {
    "environment_variables": Key(_VARIABLES, update, False, "variables of the functions, there while building, too"),
    "policies": Key(
        _list(_POLICY, "a list of policies")._replace(quiet=True), union, False, "what the functions may do besides"
    ),
    "layers": Key(_TEXTS, union, False, "ARNs of layers, in order"),
    "subnet_ids": Key(_TEXTS, union, False, "subnets the functions are in"),
    "security_group_ids": Key(_TEXTS, union, False, "security groups the functions are in"),
    "tags": Key(named(_REFERENCE), update, False, "of all that can have tags, extras excepted"),
    "logging_config": Key(_LOGGING, update, False, "how the functions log"),
    "managed_queue_extras": Key(
        _list(_EXTRA, "a list of resources"), join, False, "resources beside each managed queue", True
    ),
    "queue_age_alarm": Key(_ALARM, last, False, "when and whom the alarm on a waiting message tells", True),
    "function_properties": Key(TABLE, deep, False, "of each `AWS::Serverless::Function`; async-lambda has no such key"),
    "queue_properties": Key(TABLE, deep, False, "of each managed `AWS::SQS::Queue`; async-lambda has none", True),
    "method_settings": Key(_list(_METHOD, "a list of objects"), union, True, "limits and metrics of routes"),
    "domain_name": Key(_DOMAIN, last, True, "the domain of the API"),
    "tls_version": Key(_TLS, last, True, "the least TLS the domain speaks"),
    "certificate_arn": Key(_REFERENCE, last, True, "the domain's certificate"),
    "hosted_zone_id": Key(_REFERENCE, last, True, "the Route 53 zone the domain is entered in"),
    "auto_create_acm_certificate": Key(FLAG, last, True, "whether the domain's certificate is made"),
    "image_uri": Key(_IMAGE, last, True, "the container image that functions run from"),
}

RULES: dict[str, Rule] = {name: key.rule for name, key in KEYS.items()}
