"""One moto server for all tests of a process: AWS's services over HTTP, in memory, with many of AWS's refusals."""

import logging
import os
from functools import cache
from itertools import count

from moto.server import ThreadedMotoServer

from ebbtide.brokers.sqs.clients import Clients
from ebbtide.brokers.sqs.table import DynamoDbTable

REGION = "eu-west-1"
_numbers = count(1)


@cache
def clients() -> Clients:
    """Clients of the server, which is started when first asked for and ends with the process."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Clients(REGION, f"http://{host}:{port}", where="stage 'test' of app 't'", cure="ebbtide deploy --stage test")
    for service in ("dynamodb", "s3"):  # while there are credentials in the environment: other tests take them away
        made.of(service)
    return made


def a_table() -> DynamoDbTable:
    """A new table as the template makes it."""
    name = f"t-test{next(_numbers)}"
    clients().dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return DynamoDbTable(clients(), name)


def a_bucket() -> str:
    """The name of a new bucket."""
    name = f"t-test-{next(_numbers)}"
    clients().s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name
