"""What AWS answers when it will not, in one line with the cure: credentials, region, rights, and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from ebbtide.errors import EbbtideError

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
UNKNOWN = {
    *("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("AuthFailure", "InvalidSignatureException", "IncompleteSignature", "InvalidToken", "MissingAuthenticationToken"),
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"}
HURRIED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown"}

_SIGN_IN = "run 'aws sso login' or 'aws configure', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


class DeployError(EbbtideError):
    """A stage cannot be deployed, read or removed; the message says what stands in the way, and the cure."""


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Turns what boto3 raises inside into a DeployError. doing: as in 'reading the stack shop-prod'."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise DeployError(explained(doing, error)) from error


def code_of(error: ClientError) -> str:
    """The error code AWS gave."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    """The message AWS gave."""
    return str(error.response.get("Error", {}).get("Message", "")).strip()


def explained(doing: str, error: Exception) -> str:
    """One line: what failed, why, and what to do."""
    return " ".join(_explained(doing, error).split())


def _explained(doing: str, error: Exception) -> str:
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"{doing}: there are no AWS credentials; {_SIGN_IN}"
    if isinstance(error, SSOError | TokenRetrievalError | CredentialRetrievalError):
        return f"{doing}: the AWS sign-in is not valid any more ({error}); {_SIGN_IN}"
    if isinstance(error, ProfileNotFound):
        return f"{doing}: {error}; 'aws configure list-profiles' shows those there are"
    if isinstance(error, NoRegionError):
        return f"{doing}: no AWS region is named; give --region, or set AWS_REGION, or a region in the profile"
    if isinstance(error, EndpointConnectionError | ConnectionError | HTTPClientError):
        return f"{doing}: AWS cannot be reached: {error} Is the region's name right, and is there a network?"
    if isinstance(error, ClientError):
        return _refused(doing, error)
    return f"{doing}: {error}"


def _refused(doing: str, error: ClientError) -> str:
    code, message = code_of(error), message_of(error)
    if code in EXPIRED:
        return f"{doing}: the AWS credentials have expired; {_SIGN_IN}"
    if code in UNKNOWN:
        return f"{doing}: AWS does not know these credentials ({message or code}); {_SIGN_IN}"
    if code in DENIED:
        action = f"{error.operation_name}"
        return f"{doing}: these AWS credentials may not do that ({action}): {message or code}. Ask for that permission"
    if code in HURRIED:
        return f"{doing}: AWS is too busy for this account just now ({message or code}); try again in a minute"
    return f"{doing}: {message or code} ({error.operation_name}: {code})"
