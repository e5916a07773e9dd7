"""What a stage keeps: one table for records, keys and counts, and one bucket for what is too big for a message."""

from __future__ import annotations

from ebbtide.deploy.template.plan import BUCKET, GOES, TABLE, Json, Plan, arn, only_by_tls, policy, resource, sub
from ebbtide.physical import CLAIMS

PRIVATE: Json = {
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    },
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
}
"""Properties of a bucket that nobody outside may see into."""


def storage(plan: Plan) -> dict[str, Json]:
    """Table, bucket and the bucket's policy."""
    whole = [arn(BUCKET), sub(f"${{{BUCKET}.Arn}}/*")]
    return {
        TABLE: resource("AWS::DynamoDB::Table", _table(plan), **GOES),
        BUCKET: resource("AWS::S3::Bucket", _bucket(plan), **GOES),
        f"{BUCKET}Policy": resource(
            "AWS::S3::BucketPolicy",
            {"Bucket": {"Ref": BUCKET}, "PolicyDocument": policy([only_by_tls("s3:*", whole)])},
        ),
    }


def _table(plan: Plan) -> Json:
    return {
        "TableName": plan.place.prefix,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "TimeToLiveSpecification": {"AttributeName": "gone", "Enabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", **plan.with_key("KMSMasterKeyId")},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "Tags": plan.tag_list(),
    }


def _bucket(plan: Plan) -> Json:
    return {
        "BucketName": sub(bucket_name(plan)),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [_encryption(plan)]},
        **PRIVATE,
        "LifecycleConfiguration": {"Rules": list(_lifecycle())},
        "Tags": plan.tag_list(),
    }


def _encryption(plan: Plan) -> Json:
    if not plan.settings.kms_key:
        return {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    by_key = {"SSEAlgorithm": "aws:kms", **plan.with_key("KMSMasterKeyID")}
    return {"ServerSideEncryptionByDefault": by_key, "BucketKeyEnabled": True}


def _lifecycle() -> list[Json]:
    rules = [
        {"Id": prefix.strip("/"), "Prefix": prefix, "Status": "Enabled", "ExpirationInDays": days}
        for prefix, days in CLAIMS.items()
    ]
    unfinished = {"Id": "unfinished", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    return [*rules, unfinished]


def bucket_name(plan: Plan) -> str:
    """The bucket's name, for Fn::Sub."""
    name = plan.place.bucket("@account", "@region")
    return name.replace("@account", "${AWS::AccountId}").replace("@region", "${AWS::Region}")
