"""The simulator against what others wrote from the same documents: MiniStack, and moto where MiniStack is wrong.

The very scripts that the simulator goes through are gone through here, all at the same time, for their waits are real.
"""

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import botocore.session
from moto import mock_aws
from tests.aws.simulator.replies import HANDLER, NOT_ON_MINISTACK, REPLIES
from tests.aws.simulator.scripts import SCRIPTS, Desk, played_together

from ebbtide.deploy.rehearsal.server import Server

REAL = [steps for steps in SCRIPTS if not steps.long]
ROLE = "arn:aws:iam::000000000000:role/any"
PATIENCE = 60.0


def clients(server: Server) -> Callable[[str], Any]:
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return lambda service: session.create_client(service, region_name=server.region, endpoint_url=server.endpoint)


def test_ministack_sees_what_the_simulator_shows(ministack_server: Server) -> None:
    chosen = [steps for steps in REAL if "ministack" not in steps.differs]
    seen = played_together(clients(ministack_server)("sqs"), chosen)
    assert seen == {steps.name: steps.expected for steps in chosen}


@mock_aws
def test_moto_sees_what_ministack_does_not() -> None:
    chosen = [steps for steps in REAL if "ministack" in steps.differs and "moto" not in steps.differs]
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    seen = played_together(session.create_client("sqs", region_name="eu-west-1"), chosen)
    assert len(chosen) == 2
    assert seen == {steps.name: steps.expected for steps in chosen}


def test_ministack_takes_a_functions_reply_as_the_simulator_does(ministack_server: Server) -> None:
    client = clients(ministack_server)
    desk, lambdas = Desk(client("sqs")), client("lambda")
    name = f"replies-{desk.mark}"
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", HANDLER)
    given = {"Runtime": "python3.13", "Handler": "index.handler", "Role": ROLE, "Timeout": 1}
    lambdas.create_function(FunctionName=name, Code={"ZipFile": code.getvalue()}, **given)
    warm = {"Records": [{"body": "null", "messageId": "-"}]}
    lambdas.invoke(FunctionName=name, Payload=json.dumps(warm).encode())
    chosen = {reply: told for reply, told in REPLIES.items() if reply not in NOT_ON_MINISTACK}
    places = {reply: _mapped(desk, lambdas, name, body) for reply, (body, _) in chosen.items()}
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and any(sum(desk.counts(url)) for url, _ in places.values()):
        time.sleep(0.1)
    failed = {reply: sum(desk.counts(dead)) for reply, (_, dead) in places.items()}
    assert failed == {reply: number for reply, (_, number) in chosen.items()}


def _mapped(desk: Desk, lambdas: Any, function: str, body: str) -> tuple[str, str]:
    """A queue that holds two such messages, mapped to the function, and its dead letters."""
    dead = desk.queue()
    url = desk.queue(dead_letters=(dead, 1), VisibilityTimeout=2)
    desk.send(url, body, body)
    arn = desk.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    lambdas.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    return url, dead
