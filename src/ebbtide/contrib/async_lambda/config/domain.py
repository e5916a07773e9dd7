"""The domain of the app's API: with a certificate of the user's, or one that is made and proved by an entry in its
Route 53 zone, where the domain is entered, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ebbtide.contrib.async_lambda.config.levels import Level, nearest_of
from ebbtide.contrib.async_lambda.config.tags import tag_list
from ebbtide.deploy.settings import Api
from ebbtide.deploy.settings.kinds import Wrong
from ebbtide.deploy.template.plan import API
from ebbtide.physical import Place

Json = dict[str, Any]

CERTIFICATE, RECORD = "AsyncLambdaAPICertificate", "AsyncLambdaAPIRecord"


def wrong_domain(levels: Sequence[Level], said: Mapping[str, Any]) -> Iterator[Wrong]:
    """A domain without a certificate. said: all levels in one."""
    if "domain_name" not in said or "certificate_arn" in said:
        return
    if not said.get("auto_create_acm_certificate"):
        cure = "certificate_arn, or auto_create_acm_certificate with hosted_zone_id"
        yield Wrong(nearest_of(levels, "domain_name"), f"domain_name needs a certificate: add {cure}")
    elif "hosted_zone_id" not in said:
        yield Wrong(
            nearest_of(levels, "auto_create_acm_certificate"),
            "auto_create_acm_certificate needs hosted_zone_id: the certificate is proved by an entry in that zone",
        )


def api(said: Mapping[str, Any]) -> Api:
    """Of the settings."""
    if "domain_name" not in said:
        return Api()
    return Api(domain={"name": said["domain_name"], "certificate": said.get("certificate_arn", {"Ref": CERTIFICATE})})


def domain(place: Place, said: Mapping[str, Any]) -> dict[str, Json]:
    """Resources beside the API's own: the certificate, and the domain's entry in the zone."""
    made: dict[str, Json] = {}
    if "domain_name" not in said:
        return made
    name, zone = said["domain_name"], said.get("hosted_zone_id")
    if "certificate_arn" not in said:
        proved = {"DomainName": name, "HostedZoneId": zone}
        made[CERTIFICATE] = {
            "Type": "AWS::CertificateManager::Certificate",
            "Properties": {
                "DomainName": name,
                "ValidationMethod": "DNS",
                "DomainValidationOptions": [proved],
                "Tags": tag_list(place, said),
            },
        }
    if zone is not None:
        regional = {
            "DNSName": {"Fn::GetAtt": [f"{API}Domain", "RegionalDomainName"]},
            "HostedZoneId": {"Fn::GetAtt": [f"{API}Domain", "RegionalHostedZoneId"]},
        }
        made[RECORD] = {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {"HostedZoneId": zone, "Name": name, "Type": "A", "AliasTarget": regional},
        }
    return made
