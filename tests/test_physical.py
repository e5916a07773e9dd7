"""What a stage calls its things on AWS."""

import pytest

from ebbtide.errors import DeclarationError
from ebbtide.physical import CLAIMS, LONGEST_KEPT, Place, claim_prefix, stage_name
from ebbtide.queue import Queue

DAY = 86_400.0
PROD = Place("Photo_shop", "prod")


def test_every_name_begins_with_app_and_stage() -> None:
    assert PROD.queue(Queue("mail")) == "Photo_shop-prod-mail"
    assert PROD.queue(Queue("mail", lanes=2), 1) == "Photo_shop-prod-mail-lane1"
    assert PROD.queue(Queue("mail", fifo=True)) == "Photo_shop-prod-mail.fifo"
    assert (PROD.dead_letters(False), PROD.dead_letters(True)) == (
        "Photo_shop-prod-dead-letters",
        "Photo_shop-prod-dead-letters.fifo",
    )
    assert PROD.function(Queue("mail")) == "Photo_shop-prod-mail"
    assert PROD.scheduler_role("eu-west-1") == "Photo_shop-prod-eu-west-1-scheduler"


def test_a_bucket_has_only_what_s3_allows() -> None:
    assert PROD.bucket("123456789012", "eu-west-1") == "photo-shop-prod-123456789012-eu-west-1"


def test_two_stages_of_one_app_never_meet() -> None:
    assert Place("a", "dev").queue(Queue("prod-x")) != Place("a", "prod").queue(Queue("dev-x"))


@pytest.mark.parametrize("name", ["", "Prod", "dev-1", "1st", "a" * 17, "\u00e9", "dev\n"])
def test_other_names_for_a_stage_are_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match="no name for a stage"):
        stage_name(name)


def test_what_waits_longer_is_kept_under_a_prefix_that_outlives_it() -> None:
    assert claim_prefix(0) == "claims/"
    assert claim_prefix(LONGEST_KEPT) == "claims-longest/"
    assert claim_prefix(LONGEST_KEPT + 1) is None
    for days in range(0, 3_600, 7):
        prefix = claim_prefix(days * DAY)
        assert prefix is not None
        assert CLAIMS[prefix] >= days + 28
    assert not any(one != other and one.startswith(other) for one in CLAIMS for other in CLAIMS), "or both rules apply"
