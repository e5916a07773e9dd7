"""What a function's environment may say."""

import pytest

from ebbtide.errors import TargetError
from ebbtide.on_lambda.settings import Settings, settings_of

NEEDED = {"EBBTIDE_TARGET": "shop:app", "EBBTIDE_STAGE": "prod"}


def test_without_more_than_target_and_stage_all_else_has_its_default() -> None:
    assert settings_of(NEEDED) == Settings("shop:app", stage="prod")


def test_everything_can_be_said() -> None:
    said = {"QUEUE": "images", "MARGIN": "3.5", "THREADS": "4", "METRICS": "1", "LOG": "debug"}
    found = settings_of({**NEEDED, **{f"EBBTIDE_{name}": text for name, text in said.items()}})
    assert found == Settings("shop:app", "images", "prod", 3.5, 4, True, "DEBUG")


def test_a_table_is_known_by_its_name_on_aws() -> None:
    found = settings_of({**NEEDED, "EBBTIDE_TABLE_Orders": "erp-orders", "EBBTIDE_TABLE_Users": "shop-prod-Users-1X"})
    assert found.tables == {"erp-orders": "Orders", "shop-prod-Users-1X": "Users"}


def test_lambdas_own_log_level_is_taken_where_ours_is_not_said() -> None:
    assert settings_of({**NEEDED, "AWS_LAMBDA_LOG_LEVEL": "ERROR"}).log == "ERROR"
    assert settings_of({**NEEDED, "AWS_LAMBDA_LOG_LEVEL": "TRACE"}).log == "DEBUG"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("EBBTIDE_TARGET", ""),
        ("EBBTIDE_STAGE", ""),
        ("EBBTIDE_MARGIN", "0"),
        ("EBBTIDE_MARGIN", "soon"),
        ("EBBTIDE_MARGIN", "nan"),
        ("EBBTIDE_THREADS", "-1"),
        ("EBBTIDE_METRICS", "yes"),
        ("EBBTIDE_LOG", "LOUD"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(TargetError, match=name):
        settings_of({**NEEDED, name: text})
