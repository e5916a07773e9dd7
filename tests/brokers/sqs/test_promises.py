"""The list of promises that SQS does not keep names tests there are."""

import ast
from pathlib import Path

from tests.brokers import test_contract
from tests.brokers.sqs.promises import NOT_KEPT


def test_each_promise_that_is_not_kept_is_one_of_the_contract_and_has_a_reason() -> None:
    source = Path(test_contract.__file__).read_text(encoding="utf-8")
    promises = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    assert set(NOT_KEPT) <= promises
    assert all(len(reason) > 20 for reason in NOT_KEPT.values())
