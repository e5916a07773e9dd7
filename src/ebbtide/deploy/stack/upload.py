"""What the stack is made of, in a bucket: named by its content, so that nothing is uploaded twice.

One bucket an account and region, `ebbtide-artefacts-<account>-<region>`, made when missing: private, encrypted, by TLS
only. Each stage has its own prefix there, which goes when the stage is destroyed.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ebbtide.deploy.stack.account import Account
from ebbtide.deploy.stack.trouble import DeployError, code_of, told

INLINE_TEMPLATE = 51_200
"""Bytes: a larger template goes through the bucket (the quota of CloudFormation's TemplateBody)."""

_LOCAL = {  # a resource's property that may name a file, and whether CloudFormation rather than SAM reads it
    "AWS::Serverless::Function": ("CodeUri", False),
    "AWS::Serverless::LayerVersion": ("ContentUri", False),
    "AWS::Lambda::Function": ("Code", True),
    "AWS::Lambda::LayerVersion": ("Content", True),
}
_MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}


class Piece(NamedTuple):
    """One file and the key of its content."""

    path: Path
    key: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def bucket_of(account: Account) -> str:
    """The artefact bucket of an account in a region."""
    return f"ebbtide-artefacts-{account.id}-{account.region}"


def located(template: Any, folder: Path, bucket: str, prefix: str) -> tuple[Any, list[Piece]]:
    """The template with each file beside it named by its place in the bucket, and those files.

    folder: where the template lies. prefix: of all keys, without a slash. Raises DeployError for a file not there.
    """
    made, pieces = copy.deepcopy(template), dict[Path, Piece]()
    for logical, resource in made["Resources"].items():
        _no_local_image(logical, resource)
        name, plain = _LOCAL.get(resource["Type"], ("", False))
        given = resource.get("Properties", {}).get(name)
        if not isinstance(given, str) or given.startswith("s3://"):
            continue
        path = folder / given
        if not path.is_file():
            raise DeployError(f"{logical}: there is no {path}; build again, or leave out --built")
        piece = pieces.setdefault(path, Piece(path, f"{prefix}/{_digest(path)}{path.suffix}"))
        place = {"S3Bucket": bucket, "S3Key": piece.key} if plain else {"Bucket": bucket, "Key": piece.key}
        resource["Properties"][name] = place
    return made, list(pieces.values())


def _no_local_image(logical: str, resource: Any) -> None:
    image = resource.get("Properties", {}).get("ImageUri")
    if isinstance(image, str) and ".dkr.ecr." not in image:
        raise DeployError(
            f"{logical} runs the image {image!r}, which is only on this machine: let 'sam build' and 'sam deploy' push "
            f"it, or push it to ECR and write its URI into the template"
        )


def make_bucket(account: Account) -> str:
    """The artefact bucket, made with safe settings if it is missing. Raises DeployError if a stranger has that name."""
    bucket, s3 = bucket_of(account), account.client("s3")
    with told(f"opening the bucket {bucket}"):
        try:
            s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account.id)
            return bucket
        except ClientError as error:
            if code_of(error) == "403":
                raise DeployError(
                    f"the bucket {bucket} is another account's, or these credentials may not see it (s3:ListBucket)"
                ) from error
            if code_of(error) not in _MISSING:
                raise
    with told(f"making the bucket {bucket}"):
        where = {} if account.region == "us-east-1" else {"LocationConstraint": account.region}
        s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
        _make_safe(s3, account, bucket)
    return bucket


def _make_safe(s3: Any, account: Account, bucket: str) -> None:
    closed = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(closed, True))
    aes = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [aes]})
    tidy = {
        "ID": "half-finished uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [tidy]})
    arn = f"arn:{account.session.get_partition_for_region(account.region)}:s3:::{bucket}"
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls_only]}))


def missing(account: Account, bucket: str, pieces: Sequence[Piece]) -> list[Piece]:
    """Those that are not in the bucket yet."""
    return [piece for piece in pieces if not _is_there(account, bucket, piece.key)]


def upload(account: Account, bucket: str, piece: Piece, sent: Callable[[int], None]) -> None:
    """Store one file. sent: called with how many bytes more are sent."""
    with told(f"uploading {piece.path.name} to {bucket}"):
        account.client("s3").upload_file(
            str(piece.path), bucket, piece.key, Callback=sent, ExtraArgs={"ExpectedBucketOwner": account.id}
        )


def template_argument(account: Account, prefix: str, template: Any) -> dict[str, str]:
    """How a request names this template: by its text, or where it is stored when that is too long."""
    text = json.dumps(template, ensure_ascii=False, separators=(",", ":"))
    data = text.encode()
    if len(data) <= INLINE_TEMPLATE:
        return {"TemplateBody": text}
    bucket = make_bucket(account)
    s3, key = account.client("s3"), f"{prefix}/{hashlib.sha256(data).hexdigest()}.template.json"
    if not _is_there(account, bucket, key):
        with told(f"uploading the template to {bucket}"):
            s3.put_object(Bucket=bucket, Key=key, Body=data, ExpectedBucketOwner=account.id)
    return {"TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/{key}"}


def _is_there(account: Account, bucket: str, key: str) -> bool:
    with told(f"looking into the bucket {bucket}"):
        try:
            account.client("s3").head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=account.id)
        except ClientError as error:
            if code_of(error) in _MISSING:
                return False
            raise
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
