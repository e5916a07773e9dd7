"""Secrets: what the environment only refers to is read when the container starts, and put into the environment.

So no secret stands in the template, in the function's settings or in a deployment, and the app reads each as any other
variable. A container keeps what it has read for as long as it lives; a changed secret is seen by the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

from ebbtide import strictjson
from ebbtide.brokers.sqs.clients import Clients
from ebbtide.errors import StorageError, TargetError

VARIABLE = "EBBTIDE_SECRETS"
"""Holds a JSON object of references by variable: `{"API_KEY": "ssm:/shop/key", "DB": "secretsmanager:shop/db#url"}`."""

_AT_ONCE = 10
"""Parameters that one call may ask for, says SSM."""


class Services(Protocol):
    """What gives a service's client, as `Clients` does."""

    def of(self, service: str) -> Any:
        """The client."""


def reveal(environment: MutableMapping[str, str], services: Services | None = None) -> None:
    """Read what EBBTIDE_SECRETS refers to into this environment, over whatever stands there under its name: who refers
    to a secret means that. Raises TargetError, StorageError; each names the variable or the secret, never a value."""
    references = _references(environment[VARIABLE])
    found = services or Clients(where="this function's secrets")
    environment.update(_of_ssm(found, references))
    environment.update(_of_secrets_manager(found, references))


def _references(text: str) -> dict[str, str]:
    try:
        references = strictjson.loads(text)
    except ValueError:
        references = None
    if not isinstance(references, dict):
        raise TargetError(f"{VARIABLE} must be a JSON object of references by variable")
    for name, reference in references.items():
        if not isinstance(reference, str) or reference.partition(":")[0] not in ("ssm", "secretsmanager"):
            raise TargetError(f"{VARIABLE}: {name} must refer to 'ssm:/path' or 'secretsmanager:name#key'")
    return references


def _of_ssm(services: Services, references: Mapping[str, str]) -> dict[str, str]:
    wanted = {name: said.partition(":")[2] for name, said in references.items() if said.startswith("ssm:")}
    names = sorted(set(wanted.values()))
    values: dict[str, str] = {}
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        answer = services.of("ssm").get_parameters(Names=some, WithDecryption=True)
        values |= {one["Name"] + one.get("Selector", ""): one["Value"] for one in answer["Parameters"]}
    for name, path in wanted.items():
        if path not in values:
            raise StorageError(f"the secret {name}: Parameter Store has no {path!r}; create it, or correct the path")
    return {name: values[path] for name, path in wanted.items()}


def _of_secrets_manager(services: Services, references: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    texts: dict[str, str] = {}
    for name, said in references.items():
        id, _, key = said.partition(":")[2].partition("#")
        if said.startswith("secretsmanager:"):
            if id not in texts:
                texts[id] = _text(name, id, services.of("secretsmanager").get_secret_value(SecretId=id))
            found[name] = _member(name, id, texts[id], key) if key else texts[id]
    return found


def _text(name: str, id: str, answer: Mapping[str, Any]) -> str:
    if "SecretString" not in answer:
        raise StorageError(
            f"the secret {name}: {id!r} holds bytes, and a variable is text; store it as text, or base64"
        )
    return str(answer["SecretString"])


def _member(name: str, id: str, text: str, key: str) -> str:
    try:
        value = strictjson.loads(text)[key]
    except (ValueError, KeyError, TypeError):
        raise StorageError(f"the secret {name}: {id!r} is no JSON object with {key!r}") from None
    return value if isinstance(value, str) else strictjson.dumps(value)
