"""`--stage`: the commands of a queue, against a stage on AWS."""

import pytest
from tests.cli.conftest import Shop

from ebbtide.cli.stages import region_of, stage_url
from ebbtide.deploy.rehearsal.server import Server


def test_a_stage_is_a_broker_by_its_url() -> None:
    assert stage_url("prod") == "sqs://prod"
    url = stage_url("prod", "eu-west-1", "http://127.0.0.1:4566")
    assert url == "sqs://prod?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A4566"


def test_the_region_is_the_one_given_or_that_of_the_settings(shop: Shop) -> None:
    assert region_of(shop.app, "prod", None) is None
    (shop.folder / "ebbtide.toml").write_text('region = "eu-west-1"\n[stage.prod]\nregion = "eu-central-1"\n')
    assert region_of(shop.app, "prod", None) == "eu-central-1"
    assert region_of(shop.app, "dev", None) == "eu-west-1"
    assert region_of(shop.app, "dev", "us-east-1") == "us-east-1"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--stage", "prod", "--broker", "sqlite:///a.db"), "--broker and --stage both say where the queues are"),
        (("--region", "eu-west-1"), "--region says nothing without --stage"),
        (("--endpoint-url", "http://127.0.0.1:1"), "--endpoint-url says nothing without --stage"),
        (("--stage", "Prod!"), "'Prod!' is no name for a stage"),
    ],
)
def test_options_that_do_not_go_together_are_told(shop: Shop, words: tuple[str, ...], told: str) -> None:
    done = shop.call("queues", "SHOP", *words)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("stats",), "a stage on AWS keeps no figures of the last hour"),
        (("purge", "--yes"), "a stage on AWS cannot be purged from here"),
    ],
)
def test_what_a_stage_cannot_do_is_said_in_a_persons_words(
    shop: Shop, aws: Server, command: tuple[str, ...], told: str
) -> None:
    done = shop.call(command[0], "SHOP", *command[1:], "--stage", "prod")
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.parametrize("command", [("queues",), ("enqueue", "receipt", "1"), ("dlq", "list")])
def test_a_stage_that_is_not_deployed_is_told_with_the_cure(shop: Shop, aws: Server, command: tuple[str, ...]) -> None:
    words = command[: 1 + (command[0] == "dlq")], command[1 + (command[0] == "dlq") :]
    done = shop.call(*words[0], "SHOP", *words[1], "--stage", "nowhere")
    assert done.exit_code == 1
    assert "stage 'nowhere' of app 'shop'" in done.stderr
    assert "'ebbtide deploy ... --stage nowhere'" in done.stderr
