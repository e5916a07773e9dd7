"""How levels are laid over one another: nothing is destroyed, nothing leaks, what is nearer wins, lists keep order."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contrib.async_lambda.config.shop import built, read

from ebbtide.contrib.async_lambda.config.keys import KEYS, RULES
from ebbtide.contrib.async_lambda.config.levels import Level, join, last, levels_of, merged, union, update

WORDS = st.sampled_from(["a", "b", "c", "Ref", "Fn::Sub"])
STAGES, TASKS = ["prod", "dev"], ["One", "Two"]

VALUES: dict[Any, st.SearchStrategy[Any]] = {
    update: st.dictionaries(WORDS, WORDS, max_size=3),
    union: st.lists(WORDS, max_size=4),
    join: st.lists(st.fixed_dictionaries({"Type": WORDS}), max_size=2),
    last: WORDS,
}
KEYS_HERE = (
    "environment_variables",
    "tags",
    "policies",
    "layers",
    "managed_queue_extras",
    "queue_age_alarm",
    "image_uri",
)
SAID = st.fixed_dictionaries({}, optional={name: VALUES[RULES[name]] for name in KEYS_HERE})
BY_STAGE = st.dictionaries(st.sampled_from(STAGES), SAID)
FILES = st.builds(
    lambda app, stages, tasks: {**app, "stages": stages, "tasks": tasks},
    SAID,
    BY_STAGE,
    st.dictionaries(st.sampled_from(TASKS), st.builds(lambda own, stages: {**own, "stages": stages}, SAID, BY_STAGE)),
)
LEVELS = st.lists(SAID, min_size=1, max_size=4)


def laid_over(*said: Any) -> Any:
    return merged([Level((), one) for one in said], RULES)


def whole(content: Any, stage: str | None, task: str | None) -> Any:
    return merged(levels_of(content, stage, task), RULES)


@given(LEVELS)
@settings(max_examples=30, deadline=None)
def test_nothing_that_a_level_says_is_destroyed(levels: list[Any]) -> None:
    made = laid_over(*levels)
    for level in levels:
        for name, value in level.items():
            if RULES[name] is update:
                assert value.keys() <= made[name].keys()
            elif RULES[name] in (union, join):
                assert all(item in made[name] for item in value)
    for name, value in levels[-1].items():
        assert value == made[name] if RULES[name] is last else True
        assert value.items() <= made[name].items() if RULES[name] is update else True


@given(LEVELS)
@settings(max_examples=30, deadline=None)
def test_lists_keep_their_order(levels: list[Any]) -> None:
    for name, value in laid_over(*levels).items():
        everything = [item for level in levels for item in level.get(name, ())]
        if RULES[name] is join:
            assert value == everything
        elif RULES[name] is union:
            assert value == list(dict.fromkeys(everything))


@given(SAID, SAID, SAID)
@settings(max_examples=30, deadline=None)
def test_it_does_not_matter_which_two_levels_are_laid_together_first(one: Any, two: Any, three: Any) -> None:
    assert laid_over(laid_over(one, two), three) == laid_over(one, laid_over(two, three)) == laid_over(one, two, three)


@given(FILES, st.sampled_from([None, *STAGES]), st.sampled_from([None, *TASKS]))
@settings(max_examples=30, deadline=None)
def test_what_was_read_is_not_changed_and_gives_the_same_again(
    content: Any, stage: str | None, task: str | None
) -> None:
    before = copy.deepcopy(content)
    first = whole(content, stage, task)
    for other in (None, *TASKS):
        whole(content, stage, other)
    assert content == before
    assert whole(content, stage, task) == first


@given(FILES, SAID, BY_STAGE, st.sampled_from([None, *STAGES]))
@settings(max_examples=30, deadline=None)
def test_a_task_sees_nothing_of_what_is_said_of_another(content: Any, own: Any, stages: Any, stage: str | None) -> None:
    changed = {**content, "tasks": {**content["tasks"], "Two": {**own, "stages": stages}}}
    assert whole(changed, stage, "One") == whole(content, stage, "One")
    assert whole(changed, stage, None) == whole(content, stage, None)


@given(FILES, SAID, st.sampled_from([None, "One"]))
@settings(max_examples=30, deadline=None)
def test_a_stage_sees_nothing_of_what_is_said_of_another(content: Any, own: Any, task: str | None) -> None:
    changed = {**content, "stages": {**content["stages"], "dev": own}}
    assert whole(changed, "prod", task) == whole(content, "prod", task)


def test_all_four_levels_are_laid_over_one_another_from_the_app_to_the_tasks_stage() -> None:
    content = {
        "layers": ["app"],
        "stages": {"prod": {"layers": ["stage", "app"]}, "dev": {"layers": ["dev"]}},
        "tasks": {"One": {"layers": ["task"], "stages": {"prod": {"layers": ["near"]}, "dev": {"layers": ["never"]}}}},
    }
    assert whole(content, "prod", "One")["layers"] == ["app", "stage", "task", "near"]
    assert whole(content, None, "One")["layers"] == ["app", "task"]


def test_null_says_nothing() -> None:
    assert laid_over({"domain_name": "a.example"}, {"domain_name": None}) == {"domain_name": "a.example"}


def test_the_documents_example_of_layers_holds(tmp_path: Path) -> None:
    said = {"layers": ["layer_1"], "stages": {"prod": {"layers": ["layer_2"]}}}
    assert read(tmp_path, said).of("Orders").layers == ["layer_1", "layer_2"]
    assert read(tmp_path, said, None).of("Orders").layers == ["layer_1"]


def test_layers_keep_their_order_in_the_template(tmp_path: Path) -> None:
    said = {"layers": ["z", "a"], "tasks": {"Orders": {"layers": ["m", "a"]}}}
    made = built(tmp_path, said)
    assert made["OrdersALFunc"]["Properties"]["Layers"] == ["z", "a", "m"]
    assert made["ManyALFunc"]["Properties"]["Layers"] == ["z", "a"]


def test_every_key_has_a_rule() -> None:
    assert RULES.keys() == KEYS.keys()
