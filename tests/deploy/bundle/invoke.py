"""What Lambda's runtime does with an unpacked bundle, for one SQS message: run by a Python that is not ours.

python -I invoke.py /var/task /opt BODY
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path


class Context:
    aws_request_id = "a"
    function_name = "shop-dev-mail"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-mail"
    memory_limit_in_mb = "512"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def main(task: str, opt: str, body: str) -> None:
    sys.path[:0] = [task, f"{opt}/python"]
    os.chdir(task)
    record = {
        "messageId": "1",
        "receiptHandle": "r1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1700000000000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:shop-dev-mail",
        "awsRegion": "eu-west-1",
    }
    answer = import_module("ebbtide.on_lambda.entry").handler({"Records": [record]}, Context())
    ours = [
        module for module in sys.modules.values() if (getattr(module, "__file__", None) or "").startswith((task, opt))
    ]
    print(
        json.dumps(
            {
                "answer": answer,
                "without bytecode": [module.__name__ for module in ours if not Path(module.__cached__).exists()],
                "heavy": sorted({"boto3", "click", "rich", "uvicorn", "asyncio"} & sys.modules.keys()),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:4])
