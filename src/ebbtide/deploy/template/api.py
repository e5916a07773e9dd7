"""The stage's HTTP API, if a task has a route: routes, the functions behind them, who may call, and the address.

The resources are API Gateway's own, where SAM has a shorthand: what is written here is what will be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ebbtide.deploy.template.asked import Wanted, asked_by
from ebbtide.deploy.template.ids import function_id
from ebbtide.deploy.template.logical import logical
from ebbtide.deploy.template.plan import API, GOES, Json, Plan, arn, resource, sub
from ebbtide.queue import Queue

RESULTS = "GET /results/{id}"
"""Where an asynchronous call's result will be."""

_ACCESS = {
    **{name: f"$context.{name}" for name in ("requestId", "requestTime", "routeKey", "status", "integrationLatency")},
    **{"ip": "$context.identity.sourceIp", "error": "$context.integrationErrorMessage"},
}


def api(plan: Plan, routes: Sequence[Wanted]) -> dict[str, Json]:
    """All of it; nothing if there is no route."""
    if not routes:
        return {}
    made = {API: resource("AWS::ApiGatewayV2::Api", _api(plan)), **_stage(plan), **_authorizers(plan), **_domain(plan)}
    for queue in plan.on_lambda:
        if any(wanted.queue == queue.name for wanted in routes):
            made |= _behind(plan, queue)
    for wanted in routes:
        made[f"{wanted.id}Route"] = _route(wanted)
    return made | _results(plan, routes)


def api_outputs(plan: Plan, routes: Sequence[Wanted]) -> dict[str, str | Json]:
    """The API's address."""
    if not routes:
        return {}
    domain = plan.settings.api.domain
    return {"ApiUrl": f"https://{domain['name']}" if domain else {"Fn::GetAtt": [API, "ApiEndpoint"]}}


def public_routes(plan: Plan) -> frozenset[str]:
    """The route keys that the user said anybody may call."""
    routes = asked_by(plan).routes
    said = {f"{wanted.route.method} {wanted.route.path}": wanted.route.authorization for wanted in routes}
    if first := next(_later(routes), None):
        said[RESULTS] = _who_reads(plan, first)
    return frozenset(key for key, who in said.items() if who == "public")


def _who_reads(plan: Plan, first: Wanted) -> str | None:
    return plan.settings.api.results or first.route.authorization


def _api(plan: Plan) -> Json:
    said = plan.settings.api
    words = {
        "origins": "AllowOrigins",
        "methods": "AllowMethods",
        "headers": "AllowHeaders",
        "expose": "ExposeHeaders",
        "max_age": "MaxAge",
        "credentials": "AllowCredentials",
    }
    cors = {words[name]: value for name, value in said.cors.items()}
    return {
        "Name": plan.place.prefix,
        "ProtocolType": "HTTP",
        **({"CorsConfiguration": cors} if cors else {}),
        # Where there is a domain, nobody goes around it.
        **({"DisableExecuteApiEndpoint": True} if said.domain else {}),
        "Tags": plan.tags(),
    }


def _stage(plan: Plan) -> dict[str, Json]:
    log = f"{API}Log"
    return {
        log: resource(
            "AWS::Logs::LogGroup",
            {
                "LogGroupName": f"/aws/vendedlogs/apigateway/{plan.place.prefix}",
                "RetentionInDays": plan.settings.everywhere.log_retention,
                **plan.with_key("KmsKeyId"),
                "Tags": plan.tag_list(),
            },
            **GOES,
        ),
        f"{API}Stage": resource(
            "AWS::ApiGatewayV2::Stage",
            {
                "ApiId": {"Ref": API},
                "StageName": "$default",
                "AutoDeploy": True,
                "AccessLogSettings": {"DestinationArn": arn(log), "Format": _json(_ACCESS)},
                "Tags": plan.tags(),
            },
        ),
    }


def _json(members: dict[str, str]) -> str:
    # Not json.dumps: API Gateway puts values between these quotes as they come.
    return "{" + ",".join(f'"{name}":"{value}"' for name, value in members.items()) + "}"


def _authorizers(plan: Plan) -> dict[str, Json]:
    return {
        authorizer_id(name): resource(
            "AWS::ApiGatewayV2::Authorizer",
            {
                "ApiId": {"Ref": API},
                "AuthorizerType": "JWT",
                "Name": name,
                "IdentitySource": [f"$request.header.{said.get('header', 'Authorization')}"],
                "JwtConfiguration": {"Issuer": said["issuer"], "Audience": list(said.get("audience", ()))},
            },
        )
        for name, said in plan.settings.api.authorizers.items()
    }


def authorizer_id(name: str) -> str:
    """The logical id of an authorizer of the settings."""
    return f"{API}Authorizer{logical(name)}"


def _domain(plan: Plan) -> dict[str, Json]:
    said = plan.settings.api.domain
    if not said:
        return {}
    settings = {"CertificateArn": said["certificate"], "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
    mapping = {"ApiId": {"Ref": API}, "DomainName": {"Ref": f"{API}Domain"}, "Stage": {"Ref": f"{API}Stage"}}
    return {
        f"{API}Domain": resource(
            "AWS::ApiGatewayV2::DomainName",
            {"DomainName": said["name"], "DomainNameConfigurations": [settings], "Tags": plan.tags()},
        ),
        f"{API}Mapping": resource("AWS::ApiGatewayV2::ApiMapping", mapping),
    }


def _behind(plan: Plan, queue: Queue) -> dict[str, Json]:
    function, about = function_id(plan.place, queue), {"queue": queue.name}
    calls = f"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{API}}}/*/*"
    integration = {
        "ApiId": {"Ref": API},
        "IntegrationType": "AWS_PROXY",
        "IntegrationUri": arn(function),
        "PayloadFormatVersion": "2.0",
    }
    permission = {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": function},
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": sub(calls),
    }
    return {
        _integration(queue.name): resource("AWS::ApiGatewayV2::Integration", integration, about),
        f"{_integration(queue.name)}Permission": resource("AWS::Lambda::Permission", permission, about),
    }


def _integration(queue: str) -> str:
    return f"{logical(queue)}Integration"


def _route(wanted: Wanted) -> Json:
    route = wanted.route
    return _routed(f"{route.method} {route.path}", wanted.queue, route.authorization, {"tasks": [wanted.task]})


def _routed(key: str, queue: str, authorization: str | None, about: Json) -> Json:
    properties = {
        "ApiId": {"Ref": API},
        "RouteKey": key,
        "Target": sub(f"integrations/${{{_integration(queue)}}}"),
        **_authorization(authorization),
    }
    return resource("AWS::ApiGatewayV2::Route", properties, about)


def _authorization(word: str | None) -> dict[str, Any]:
    if word == "public":
        return {"AuthorizationType": "NONE"}
    if word in (None, "iam"):  # what nobody spoke about is not open; the checks refuse it besides
        return {"AuthorizationType": "AWS_IAM"}
    return {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": authorizer_id(str(word))}}


def _results(plan: Plan, routes: Sequence[Wanted]) -> dict[str, Json]:
    first = next(_later(routes), None)
    if first is None:
        return {}
    return {f"{API}Results": _routed(RESULTS, first.queue, _who_reads(plan, first), {"queue": first.queue})}


def _later(routes: Sequence[Wanted]) -> Iterator[Wanted]:
    """Those that answer 202 and with where the result will be."""
    return (wanted for wanted in routes if wanted.route.later)
