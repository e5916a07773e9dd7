"""What a function of the door asks of its template: the payload bucket, and async-lambda's variables.

The bucket has async-lambda's logical id and, as there, a name of CloudFormation's making. So the one that is there
stays when our template takes the place of the other's, and with it what messages in flight point to.
"""

from __future__ import annotations

from ebbtide.contrib.async_lambda.names import PAYLOADS
from ebbtide.deploy.template.plan import only_by_tls, policy
from ebbtide.deploy.template.storage import PRIVATE
from ebbtide.trigger import Asked, Json, Target
from ebbtide.triggers.statements import allow


def asked(target: Target, deletes: bool, days: int) -> Asked:
    """As `Trigger.asks` says. deletes: whether payloads are removed after their task; days: until all are."""
    arn: Json = {"Fn::GetAtt": [PAYLOADS, "Arn"]}
    objects: Json = {"Fn::Sub": f"${{{PAYLOADS}.Arn}}/*"}
    verbs = ["s3:GetObject", "s3:PutObject", *(["s3:DeleteObject"] if deletes else [])]
    return Asked(
        resources={PAYLOADS: _bucket(days), f"{PAYLOADS}Policy": _policy(arn, objects)},
        # Without the second one S3 answers 403 for an object that is gone, which looks like a fault that may pass.
        statements=[allow(verbs, objects), allow(["s3:ListBucket"], arn)],
        environment={
            "ASYNC_LAMBDA_PAYLOAD_S3_BUCKET": {"Ref": PAYLOADS},
            "ASYNC_LAMBDA_ACCOUNT_ID": {"Ref": "AWS::AccountId"},
            "ASYNC_LAMBDA_TASK_ID": target.task,
            # async-lambda's mappings report no failures, and are changed a moment after their function.
            "EBBTIDE_RAISES": "1",
        },
    )


def _bucket(days: int) -> Json:
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            **PRIVATE,
            "LifecycleConfiguration": {
                "Rules": [{"Id": "payloads", "Status": "Enabled", "ExpirationInDays": days}],
            },
        },
    }


def _policy(arn: Json, objects: Json) -> Json:
    document = policy([only_by_tls("s3:*", [arn, objects])])
    return {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": PAYLOADS}, "PolicyDocument": document}}
