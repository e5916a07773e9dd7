"""From the start of a Lambda function's process to its first task done, beside the same function in other ways.

    python benchmarks/coldstart.py [--rounds 25] [--only NAME ...]

The function takes one message from a queue and doubles a number; in a second form it stores the result in a table.
It is written with Ebbtide, by hand with nothing, by hand with boto3, with Chalice and with async-lambda. Each runs in
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

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

app = App("shop", queues=[Queue("default", timeout=30, results={results})])


@app.task
def double(number: int) -> int:
    return number * 2
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

table = boto3.client("dynamodb")


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
"""

STORE = 'table.put_item(TableName="results", Item={"id": {"S": id}, "value": {"N": str(result)}})'


def storing(source: str, store: bool) -> str:
    """The source, with the lines that store the result or without."""
    said = {"IMPORT": "import boto3", "CLIENT": 'table = boto3.client("dynamodb")', "STORE": STORE}
    for name, line in said.items():
        source = source.replace(name, line if store else "pass" if name == "STORE" else "")
    return source


class Contender(NamedTuple):
    """One way to write the function. source: of `shop.py`, by whether it stores; handler: what Lambda is told to call;
    body: of its message; queue: its name."""

    name: str
    requirements: tuple[str, ...]
    source: dict[bool, str]
    handler: str
    body: str
    queue: str = "double"


def contenders() -> list[Contender]:
    """All of them, ours first."""
    app = App("shop")
    ours = app.task(name="double")(_double).message(21).encode().decode()
    plain = json.dumps({"number": 21})
    wrapped = {"source_task_id": None, "destination_task_id": "double", "invocation_id": "1", "payload": plain}
    both = {store: storing(WITH_BOTO3, store) for store in (False, True)}
    return [
        Contender(
            "Ebbtide",
            RUNTIME,
            {False: OURS.format(results=0), True: OURS.format(results=3600)},
            "ebbtide.on_lambda.entry.handler",
            ours,
            "shop-prod-default",
        ),
        Contender("by hand, no library", RUNTIME, {False: BY_HAND}, "shop.handler", plain),
        Contender("by hand, boto3", RUNTIME, both, "shop.handler", plain),
        Contender(
            "Chalice",
            (*RUNTIME, "chalice"),
            {store: storing(CHALICE, store) for store in (False, True)},
            "shop.double",
            plain,
        ),
        Contender(
            "async-lambda",
            (*RUNTIME, "async-lambda-unstable"),
            {store: storing(ASYNC_LAMBDA, store) for store in (False, True)},
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


def cold_start(contender: Contender, store: bool, folder: Path) -> Start:
    """Start its process with this folder's code, and wait for its first answer."""
    python = environment(contender.name.replace(" ", "-").replace(",", ""), contender.requirements) / "bin" / "python"
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
    path = [str(folder), *([str(ROOT / "src")] if contender.name == "Ebbtide" else [])]
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
        "EBBTIDE_BROKER": "sqs://prod?mapped=1",
        "ASYNC_LAMBDA_TASK_ID": "double",
        "ASYNC_LAMBDA_ACCOUNT_ID": ACCOUNT,
        "ASYNC_LAMBDA_PAYLOAD_S3_BUCKET": "payloads",
    }


def measured(chosen: Sequence[Contender], store: bool, rounds: int) -> dict[str, list[Start]]:
    """The starts of each, interleaved in an order drawn anew for each round."""
    found: dict[str, list[Start]] = {contender.name: [] for contender in chosen}
    with tempfile.TemporaryDirectory(prefix="coldstart-") as above:
        folders = {contender.name: Path(above, str(number)) for number, contender in enumerate(chosen)}
        for contender in chosen:
            folders[contender.name].mkdir()
            (folders[contender.name] / "shop.py").write_text(contender.source[store])
            for _ in range(2):  # which also leaves the bytecode there
                cold_start(contender, store, folders[contender.name])
        for number in range(rounds):
            for contender in random.sample(chosen, len(chosen)):
                found[contender.name].append(cold_start(contender, store, folders[contender.name]))
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
    print("\nThe task needs nothing of AWS:\n")
    print(shown(measured(wanted, False, given.rounds), "by hand, boto3"))
    print("\nThe task's result is stored in a table:\n")
    with_store = [one for one in wanted if True in one.source]
    print(shown(measured(with_store, True, given.rounds), "by hand, boto3"))


if __name__ == "__main__":
    main()
