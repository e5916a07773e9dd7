"""Lambda's side of a function on this machine: the Runtime API that AWS's runtime client asks for events.

At the same address a service of AWS can be had that takes whatever it is told.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple

VERSION = "/2018-06-01/runtime"


class Answer(NamedTuple):
    """What the function posted. kind: response, error, or init (it could not start); at: on the monotonic clock."""

    kind: str
    body: Any
    at: float


class RuntimeApi:
    """Hands out events and takes answers, for one function's process."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._events: Queue[tuple[bytes, float]] = Queue()
        self._answers: Queue[Answer] = Queue()
        self._number = 0

    def put(self, event: Any, seconds: float = 60.0) -> None:
        """The next event, whose invocation may take so long from when it is fetched."""
        self._events.put((json.dumps(event).encode(), seconds))

    def answer(self, timeout: float = 60.0) -> Answer:
        """The next answer. Raises queue.Empty."""
        return self._answers.get(timeout=timeout)

    def next(self) -> tuple[dict[str, str], bytes]:
        """Headers and body of the next event."""
        body, seconds = self._events.get()
        self._number += 1
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"8476a536-e9f4-11e8-9739-{self._number:012d}",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:shop-prod-default",
        }
        return headers, body

    def take(self, path: str, body: bytes) -> None:
        """What was posted."""
        kind = "init" if path == f"{VERSION}/init/error" else path.rpartition("/")[2]
        self._answers.put(Answer(kind, json.loads(body or b"null"), time.monotonic()))


class Server(ThreadingHTTPServer):
    """Does not mind that a process is killed while it waits for its next event."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def _taken(target: str, body: bytes) -> dict[str, Any]:
    """What one of AWS's services answers that takes everything. target: as `AmazonSQS.SendMessage`."""
    operation = target.rpartition(".")[2]
    if operation == "GetQueueUrl":
        return {"QueueUrl": f"https://sqs.eu-west-1.amazonaws.com/123456789012/{json.loads(body)['QueueName']}"}
    if operation == "SendMessageBatch":
        return {"Successful": [{"Id": one["Id"], "MessageId": one["Id"]} for one in json.loads(body)["Entries"]]}
    return {"MessageId": "1"} if operation == "SendMessage" else {}


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    """One on a free port."""

    class Asked(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for the one before to be acknowledged
        wbufsize = -1

        def do_GET(self) -> None:
            headers, body = api.next()
            self._reply(200, headers, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.path.startswith(VERSION):
                api.take(self.path, body)
                self._reply(202, {}, b"{}")
            else:
                self._reply(200, {}, json.dumps(_taken(self.headers.get("X-Amz-Target", ""), body)).encode())

        def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    api = RuntimeApi(f"127.0.0.1:{server.server_address[1]}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
