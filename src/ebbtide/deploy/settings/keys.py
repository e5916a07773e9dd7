"""All keys of `ebbtide.toml`: of which kind each is, and whether it is for the whole app or for each function."""

from __future__ import annotations

from typing import NamedTuple

from ebbtide.deploy.settings.kinds import (
    FLAG,
    PLAIN,
    TABLE,
    TEXT,
    TEXTS,
    TEXTS_BY_NAME,
    WHOLE,
    Kind,
    matching,
    named,
    one_of,
    table_of,
)

LEVELS = ("stage", "queue", "task")
"""Tables whose keys are names: of a stage, of a queue, of a task."""

RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days CloudWatch Logs lets a log group keep its lines."""

REFERENCE = r"ssm:/?[A-Za-z0-9_.\-/]+|secretsmanager:[A-Za-z0-9/_+=.@\-]+(#[^#]+)?"


class Key(NamedTuple):
    """wide: whether it is for the whole app, and refused at a queue and a task. means: in a few words."""

    kind: Kind
    wide: bool
    means: str


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


_SECRET = matching(REFERENCE, "a reference, as 'ssm:/shop/key' or 'secretsmanager:shop/database#password',")._replace(
    quiet=True  # it may be the secret itself
)
_SECRETS = named(_SECRET)._replace(quiet=True)
_VARIABLES = named(TEXT._replace(quiet=True))._replace(quiet=True)
_ARN = matching(r"arn:[^\s]+", "an ARN")
_ARNS = Kind("a list of ARNs", lambda value: isinstance(value, list), each=_ARN)
_ACTIONS = Kind("text or a list of texts", lambda value: all(isinstance(one, str) for one in _listed(value)))
_RESOURCES = Kind("an ARN or a list of them", lambda value: not isinstance(value, (int, float)) and PLAIN.holds(value))
_STATEMENT = table_of(
    "Effect",
    Sid=TEXT,
    Effect=one_of("Allow", "Deny"),
    Action=_ACTIONS,
    NotAction=_ACTIONS,
    Resource=_RESOURCES,
    NotResource=_RESOURCES,
    Condition=TABLE,
)._replace(
    wanted="an IAM statement with Effect, Action and Resource",
    holds=lambda value: isinstance(value, dict) and bool(value.keys() & {"Action", "NotAction"}),
    quiet=True,
)
_POLICIES = Kind("a list of IAM statements", lambda value: isinstance(value, list), each=_STATEMENT, quiet=True)
_CORS = table_of(origins=TEXTS, methods=TEXTS, headers=TEXTS, expose=TEXTS, max_age=WHOLE, credentials=FLAG)
_AUTHORIZER = table_of(
    "issuer", "audience", issuer=matching(r"https://\S+", "an https:// URL"), audience=TEXTS, header=TEXT
)

KEYS: dict[str, Key] = {
    "region": Key(matching(r"[a-z]{2}(-[a-z]+)+-\d", "a region, as 'eu-west-1',"), True, "where the stage is deployed"),
    "architecture": Key(one_of("arm64", "x86_64"), True, "of the functions' processors"),
    "python": Key(matching(r"3\.\d{1,2}", "a version, as '3.13',"), True, "version the functions run"),
    "include": Key(TEXTS, True, "patterns of files for the bundle, besides what it takes"),
    "exclude": Key(TEXTS, True, "patterns of files to leave out of the bundle"),
    "kms_key": Key(_ARN, True, "ARN of a key of your own that all data is encrypted with"),
    "alarms": Key(_ARN, True, "ARN of the SNS topic that alarms go to"),
    "api": Key(
        table_of(
            cors=_CORS,
            domain=table_of("name", "certificate", name=TEXT, certificate=_ARN),
            authorizers=named(_AUTHORIZER),
            results=TEXT,
        ),
        True,
        "the HTTP API: `cors`, `domain`, `authorizers`, `results`",
    ),
    "resources": Key(named(TABLE), True, "CloudFormation resources by logical id, laid over ours"),
    "environment": Key(_VARIABLES, False, "variables"),
    "secrets": Key(_SECRETS, False, "variables read at run time, as references"),
    "plain": Key(TEXTS, False, "names of variables that look like secrets and are none"),
    "tags": Key(TEXTS_BY_NAME, False, "of all that can have tags"),
    "layers": Key(_ARNS, False, "ARNs of layers"),
    "vpc": Key(
        table_of("subnets", "security_groups", subnets=TEXTS, security_groups=TEXTS),
        False,
        "`subnets` and `security_groups`",
    ),
    "log_retention": Key(one_of(*RETENTIONS), False, "days logs are kept"),
    "log_level": Key(one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), False, "least level that is logged"),
    "metrics": Key(FLAG, False, "whether metrics are written, which CloudWatch charges for"),
    "policies": Key(_POLICIES, False, "IAM statements for the function's role"),
    "managed_policies": Key(_ARNS, False, "ARNs of policies that the function's role has besides"),
    "properties": Key(TABLE, False, "of the `AWS::Serverless::Function`"),
    "queue_properties": Key(TABLE, False, "of each `AWS::SQS::Queue` of the queue"),
}
