"""What AWS refuses, in words that say what to do: every error of its library becomes a StorageError with the cure.

botocore's classes are told by name, so that this module does not load it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ebbtide.errors import StorageError

_LOGIN = "Log in ('aws sso login', 'aws configure'), or set AWS_PROFILE or AWS_ACCESS_KEY_ID"
_PROFILE = "'aws configure list-profiles' shows those there are"
_EXPIRED = "The credentials have expired or are not valid. Log in again ('aws sso login')"
_DENIED = "The credentials in use may not do this. Deploy the stage again, or use those of an account that may"
_BUSY = "AWS throttles the call and did so after several tries. Try again later, or ask for a higher quota"
_AWAY = "AWS cannot be reached: check the network, the region and the endpoint"
_REGION = "Name a region: '?region=eu-west-1' in the broker's URL, or AWS_REGION"
_ABSENT = "It is not there"

_BY_CODE = {
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "AccessDeniedForDependencyException": _DENIED,
    "AWS.SimpleQueueService.NonExistentQueue": _ABSENT,
    "QueueDoesNotExist": _ABSENT,
    "ResourceNotFoundException": _ABSENT,
    "NoSuchBucket": _ABSENT,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "InvalidClientTokenId": _EXPIRED,
    "UnrecognizedClientException": _EXPIRED,
    "InvalidAccessKeyId": _EXPIRED,
    "SignatureDoesNotMatch": _EXPIRED,
    "ThrottlingException": _BUSY,
    "RequestThrottled": _BUSY,
    "ProvisionedThroughputExceededException": _BUSY,
}
_BY_CLASS = {
    "NoCredentialsError": _LOGIN,
    "PartialCredentialsError": _LOGIN,
    "CredentialRetrievalError": _LOGIN,
    "ProfileNotFound": _PROFILE,
    "SSOTokenLoadError": _LOGIN,
    "UnauthorizedSSOTokenError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "NoRegionError": _REGION,
    "InvalidRegionError": _REGION,
    "EndpointConnectionError": _AWAY,
    "ConnectTimeoutError": _AWAY,
    "ReadTimeoutError": _AWAY,
    "ConnectionClosedError": _AWAY,
    "HTTPClientError": _AWAY,
    "SSLError": _AWAY,
    "ProxyConnectionError": _AWAY,
}


@contextmanager
def explained(operation: str, where: str = "", cure: str = "") -> Iterator[None]:
    """Turn botocore's errors into StorageError: what was asked, of which stage, what AWS said, and the cure.

    cure: what helps where something is missing. The error's `code` is AWS's own word, or the class of botocore's.
    """
    try:
        yield
    except Exception as error:
        if not _of_aws(error):
            raise
        code, said = _said(error)
        advice = _BY_CODE.get(code) or _BY_CLASS.get(code)
        if advice is _ABSENT and cure:
            advice = cure
        place = f" for {where}" if where else ""
        told = f"{operation}{place}: {code}: {said}" if said else f"{operation}{place}: {code}"
        fault = StorageError(f"{told}. {advice}" if advice else told)
        fault.code = code
        raise fault from None


def _of_aws(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("botocore", "boto3")


def _said(error: Exception) -> tuple[str, str]:
    """AWS's code and message, or the library's."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    fault = response.get("Error", {})
    code = str(fault.get("Code") or "") or _kind(error)
    message = " ".join(str(fault.get("Message") or ("" if response else error)).split())
    return code, "".join(filter(str.isprintable, message)).rstrip(".")[:500]


def _kind(error: Exception) -> str:
    """The nearest class of the library that we have advice for, else the error's own."""
    names = [kind.__name__ for kind in type(error).__mro__]
    return next((name for name in names if name in _BY_CLASS), names[0])
