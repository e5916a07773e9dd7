"""From the start of a Lambda function's process to its first task done, beside the same function in other ways.

    python benchmarks/coldstart.py [--rounds 25] [--only NAME ...]

The function takes one message from a queue and doubles a number; in a second form it stores the result in a table, in
a third it sends it to another queue. It is written with Ebbtide, by hand with nothing, by hand with boto3, with Chalice
and with async-lambda, and that last source once more with nothing changed but its import, on Ebbtide. Each runs in
an environment of its own under AWS's runtime client, `awslambdaric`, against a Runtime API on this machine; bytecode is
there, as in a good bundle. The starts of all are interleaved. Wall time is until the answer has arrived; processor time
is that of the process until then, which other people's work disturbs less. Medians, lowest and highest in brackets.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "src"))

from benchmarks.harness.environments import environment  # noqa: E402
from benchmarks.harness.runtime_api import runtime_api  # noqa: E402
from ebbtide.app import App  # noqa: E402

RUNTIME = ("awslambdaric==4.2.2", "boto3==1.43.106")
"""What Lambda's own Python runtime has."""

ACCOUNT = "123456789012"

OURS = """
from ebbtide import App, Queue

app = App("shop", queues=[Queue("default", timeout=30, results=RESULTS)])


@app.task
def double(number: int) -> int:
    SEND
    return number * 2


@app.task
def note(number: int) -> None:
    pass
"""

BY_HAND = """
import json


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            double(**json.loads(record["body"]))
        except Exception:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def double(number):
    return number * 2
"""

WITH_BOTO3 = """
import json

import boto3

CLIENT


def handler(event, context):
    failed = []
    for record in event["Records"]:
        try:
            double(record["messageId"], **json.loads(record["body"]))
        except Exception:
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def double(id, number):
    result = number * 2
    STORE
    SEND
    return result
"""

CHALICE = """
import json

from chalice import Chalice
IMPORT

app = Chalice(app_name="shop")
CLIENT


@app.on_sqs_message(queue="double", batch_size=1)
def double(event):
    for record in event:
        id, result = record.to_dict()["messageId"], json.loads(record.body)["number"] * 2
        STORE
        SEND
"""

ASYNC_LAMBDA = """
from async_lambda import AsyncLambdaController, ManagedSQSEvent, config_set_name
IMPORT

config_set_name("shop")
app = AsyncLambdaController()
lambda_handler = app.async_lambda_handler
CLIENT


@app.async_task("double")
def double(event: ManagedSQSEvent):
    id, result = event.message_id, event.payload["number"] * 2
    STORE
    SEND


@app.async_task("note")
def note(event: ManagedSQSEvent):
    pass
"""

DOOR = ASYNC_LAMBDA.replace("from async_lambda import", "from ebbtide.contrib.async_lambda import")

Form = Literal["nothing", "store", "send"]

FORMS: dict[Form, str] = {
    "nothing": "The task needs nothing of AWS",
    "store": "The task's result is stored in a table",
    "send": "The task sends one message to another",
}

TABLE = {
    "IMPORT": "import boto3",
    "CLIENT": 'table = boto3.client("dynamodb")',
    "STORE": 'table.put_item(TableName="results", Item={"id": {"S": id}, "value": {"N": str(result)}})',
}
CLIENT = 'table = boto3.client("dynamodb")'  # who imports boto3 has a client, whether it is used or not
QUEUE = {
    "CLIENT": 'queues = boto3.client("sqs")',
    "SEND": 'queues.send_message(QueueUrl="https://sqs.eu-west-1.amazonaws.com/123456789012/note", '
    'MessageBody=json.dumps({"number": result}))',
}


def written(source: str, said: Mapping[str, str]) -> str:
    """The source, with these lines in it or none."""
    for name in ("IMPORT", "CLIENT", "STORE", "SEND"):
        source = source.replace(name, said.get(name, "pass" if name in ("STORE", "SEND") else ""))
    return source


def _ours(results: int = 0, send: str = "pass") -> str:
    return written(OURS.replace("RESULTS", str(results)), {"SEND": send})


def _invoking(source: str) -> dict[Form, str]:
    """All forms of a source of async-lambda's."""
    said = {"SEND": 'app.async_invoke("note", {"number": result})'}
    return {"nothing": written(source, {}), "store": written(source, TABLE), "send": written(source, said)}


class Contender(NamedTuple):
    """One way to write the function. source: of `shop.py`, by form; handler: what Lambda is told to call; body: of its
    message; queue: its name; ours: whether it runs on the Ebbtide that is here."""

    name: str
    requirements: tuple[str, ...]
    source: Mapping[Form, str]
    handler: str
    body: str
    queue: str = "double"
    ours: bool = False


def contenders() -> list[Contender]:
    """All of them, ours first."""
    app = App("shop")
    ours = app.task(name="double")(_double).message(21).encode().decode()
    plain = json.dumps({"number": 21})
    wrapped = {"source_task_id": None, "destination_task_id": "double", "invocation_id": "1", "payload": plain}
    with_boto3: Mapping[Form, str] = {
        "nothing": written(WITH_BOTO3, {"CLIENT": CLIENT}),
        "store": written(WITH_BOTO3, TABLE),
        "send": written(WITH_BOTO3, QUEUE),
    }
    return [
        Contender(
            "Ebbtide",
            RUNTIME,
            {"nothing": _ours(), "store": _ours(results=3600), "send": _ours(send="note.enqueue(number * 2)")},
            "ebbtide.on_lambda.entry.handler",
            ours,
            "shop-prod-default",
            ours=True,
        ),
        Contender(
            "async-lambda's source on Ebbtide",
            RUNTIME,
            _invoking(DOOR),
            "ebbtide.on_lambda.entry.handler",
            json.dumps(wrapped),
            "shop-double",
            ours=True,
        ),
        Contender("by hand, no library", RUNTIME, {"nothing": BY_HAND}, "shop.handler", plain),
        Contender("by hand, boto3", RUNTIME, with_boto3, "shop.handler", plain),
        Contender(
            "Chalice",
            (*RUNTIME, "chalice"),
            {"nothing": written(CHALICE, {}), "store": written(CHALICE, TABLE)},
            "shop.double",
            plain,
        ),
        Contender(
            "async-lambda",
            (*RUNTIME, "async-lambda-unstable"),
            _invoking(ASYNC_LAMBDA),
            "shop.lambda_handler",
            json.dumps(wrapped),
            "shop-double",
        ),
    ]


_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _double(number: int) -> int:
    return number * 2


class Start(NamedTuple):
    """One cold start, in milliseconds."""

    wall: float
    processor: float


def cold_start(contender: Contender, folder: Path) -> Start:
    """Start its process with this folder's code, and wait for its first answer."""
    name = "Ebbtide" if contender.ours else contender.name.replace(" ", "-").replace(",", "")
    python = environment(name, contender.requirements) / "bin" / "python"
    with runtime_api() as api:
        api.put(_event(contender))
        command = [str(python), "-m", "awslambdaric", contender.handler]
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=_environment(contender, folder, api.address), **_SILENT)
        try:
            answer = api.answer(60)
        finally:
            process.kill()
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
    if answer.kind != "response" or (answer.body or {}).get("batchItemFailures"):
        sys.exit(f"{contender.name} answered {answer.kind}: {json.dumps(answer.body)[:600]}")
    return Start((answer.at - began) * 1000, _seconds(used) * 1000)


def _seconds(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


def _event(contender: Contender) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO"}
    record = {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": contender.body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{contender.queue}",
        "awsRegion": "eu-west-1",
    }
    return {"Records": [record]}


def _environment(contender: Contender, folder: Path, address: str) -> dict[str, str]:
    path = [str(folder), *([str(ROOT / "src")] if contender.ours else [])]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path),
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "shop",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://{address}",
        "EBBTIDE_TARGET": "shop:app",
        "EBBTIDE_STAGE": "prod",
        "EBBTIDE_QUEUE": contender.queue.rpartition("-")[2],
        "EBBTIDE_BROKER": "sqs://prod?mapped=1",
        "ASYNC_LAMBDA_TASK_ID": "double",
        "ASYNC_LAMBDA_ACCOUNT_ID": ACCOUNT,
        "ASYNC_LAMBDA_PAYLOAD_S3_BUCKET": "payloads",
    }


def measured(chosen: Sequence[Contender], form: Form, rounds: int) -> dict[str, list[Start]]:
    """The starts of each, interleaved in an order drawn anew for each round."""
    found: dict[str, list[Start]] = {contender.name: [] for contender in chosen}
    with tempfile.TemporaryDirectory(prefix="coldstart-") as above:
        folders = {contender.name: Path(above, str(number)) for number, contender in enumerate(chosen)}
        for contender in chosen:
            folders[contender.name].mkdir()
            (folders[contender.name] / "shop.py").write_text(contender.source[form])
            for _ in range(2):  # which also leaves the bytecode there
                cold_start(contender, folders[contender.name])
        for number in range(rounds):
            for contender in random.sample(chosen, len(chosen)):
                found[contender.name].append(cold_start(contender, folders[contender.name]))
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def shown(found: dict[str, list[Start]], beside: str) -> str:
    """A table in Markdown, each beside the one named."""
    lines = [f"| | wall, ms | processor, ms | times {beside} |", "|---|--:|--:|--:|"]
    base = statistics.median(start.processor for start in found[beside]) if beside in found else float("nan")
    for name, starts in found.items():
        wall, processor = [start.wall for start in starts], [start.processor for start in starts]
        ratio = statistics.median(processor) / base
        lines.append(f"| {name} | {_spread(wall)} | {_spread(processor)} | {ratio:.2f} |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Cold starts of one function, written in different ways.")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names, or parts of them")
    given = parser.parse_args()
    wanted = [one for one in contenders() if not given.only or any(part in one.name for part in given.only)]
    load = os.getloadavg()[0]
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {load:.1f}, {given.rounds} rounds")
    for form, said in FORMS.items():
        print(f"\n{said}:\n")
        print(shown(measured([one for one in wanted if form in one.source], form, given.rounds), "by hand, boto3"))


if __name__ == "__main__":
    main()
