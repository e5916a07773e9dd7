"""The kinds of events a bucket has, as S3 names them and as EventBridge tells them."""

from __future__ import annotations

CREATED = "ObjectCreated:"

# S3's name of an event, and how EventBridge tells the same: its detail-type, and what its detail says, if anything.
KINDS: dict[str, tuple[str, str, str]] = {
    "ObjectCreated:Put": ("Object Created", "reason", "PutObject"),
    "ObjectCreated:Post": ("Object Created", "reason", "POST Object"),
    "ObjectCreated:Copy": ("Object Created", "reason", "CopyObject"),
    "ObjectCreated:CompleteMultipartUpload": ("Object Created", "reason", "CompleteMultipartUpload"),
    "ObjectRemoved:Delete": ("Object Deleted", "deletion-type", "Permanently Deleted"),
    "ObjectRemoved:DeleteMarkerCreated": ("Object Deleted", "deletion-type", "Delete Marker Created"),
    "ObjectRestore:Post": ("Object Restore Initiated", "", ""),
    "ObjectRestore:Completed": ("Object Restore Completed", "", ""),
    "ObjectRestore:Delete": ("Object Restore Expired", "", ""),
    "ObjectTagging:Put": ("Object Tags Added", "", ""),
    "ObjectTagging:Delete": ("Object Tags Deleted", "", ""),
    "ObjectAcl:Put": ("Object ACL Updated", "", ""),
}
