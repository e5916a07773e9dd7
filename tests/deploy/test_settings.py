"""Settings: levels laid over one another without destroying anything, and a typo told with its file and line."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbtide.app import App
from ebbtide.deploy.settings import Settings, settings_of
from ebbtide.deploy.settings.lines import line_of, lines_of
from ebbtide.deploy.settings.merge import clashes, merge
from ebbtide.errors import DeclarationError
from ebbtide.queue import Queue

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
NAMES = st.sampled_from(["a", "b", "c", "Ref", "Fn::Sub"])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
MAPS = st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4)


def app() -> App:
    made = App("shop", queues=[Queue("images"), Queue("mail")])

    @made.task(queue="images")
    def thumbnail() -> None: ...

    @made.task(queue="images")
    def rotate() -> None: ...

    @made.task(queue="mail")
    def receipt() -> None: ...

    return made


def read(folder: Path, text: str, stage: str = "prod", file: str = "ebbtide.toml") -> Settings:
    (folder / file).write_text(dedent(text), "utf-8")
    return settings_of(app(), stage, folder)


def refused(folder: Path, text: str, stage: str = "prod") -> list[str]:
    with pytest.raises(DeclarationError) as refusal:
        read(folder, text, stage)
    return str(refusal.value).splitlines()


def test_an_app_may_bring_its_settings_itself(tmp_path: Path) -> None:
    class Door(App):
        def settings(self, stage: str, folder: Path) -> Settings:
            return Settings(region="eu-west-1", source=f"{folder.name}/{stage}.json")

    (tmp_path / "ebbtide.toml").write_text("region = 'us-east-1'", "utf-8")
    found = settings_of(Door("shop"), "prod", tmp_path)
    assert (found.region, found.source) == ("eu-west-1", f"{tmp_path.name}/prod.json")
    with pytest.raises(DeclarationError, match="no name for a stage"):
        settings_of(Door("shop"), "Prod-1", tmp_path)


def test_managed_policies_are_arns_and_grow_from_level_to_level(tmp_path: Path) -> None:
    read_only, tracing = "arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"
    found = read(tmp_path, f"managed_policies = ['{read_only}']\n[queue.images]\nmanaged_policies = ['{tracing}']")
    assert list(found.of("images").managed_policies) == [read_only, tracing]
    assert list(found.of("mail").managed_policies) == [read_only]
    assert "an ARN expected" in refused(tmp_path, "managed_policies = ['ReadOnlyAccess']")[0]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ('{Action = "s3:*", Resource = "*"}', "policies has no Effect"),
        ('{Effect = "Alow", Action = "s3:*", Resource = "*"}', "Effect = 'Alow': one of 'Allow', 'Deny' expected"),
        ('{Effct = "Allow", Action = "s3:*"}', "unknown key 'Effct'. Did you mean 'Effect'?"),
        ('{Effect = "Allow", Action = 3}', "Action = 3: text or a list of texts expected"),
        ('{Effect = "Allow", Action = "s3:*", Resource = 3}', "Resource = 3: an ARN or a list of them expected"),
        ('{Version = "2012-10-17", Statement = []}', "policies: an IAM statement with Effect, Action and Resource"),
    ],
)
def test_a_statement_that_iam_would_refuse_is_refused(tmp_path: Path, statement: str, told: str) -> None:
    lines = refused(tmp_path, f"[queue.images]\npolicies = [{statement}]\n")
    assert any(told in line and line.startswith("ebbtide.toml:2: ") for line in lines), lines


def test_what_is_said_in_the_code_is_not_said_in_the_settings(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, "[queue.images]\nmemory = 1024\n")
    assert line == "ebbtide.toml:2: 'memory' is said in the code: Queue('images', memory=...)"


# Levels


def test_without_a_file_all_is_as_it_is_by_default(tmp_path: Path) -> None:
    settings = settings_of(app(), "prod", tmp_path)
    assert settings._replace(queues={}) == Settings()
    assert settings.of("images") == Settings().everywhere


LEVELS = """
    log_retention = 7
    layers = ["arn:1"]
    environment = { A = "app", B = "app" }
    [stage.prod]
    layers = ["arn:2", "arn:1"]
    environment.B = "stage"
    [queue.images]
    log_retention = 14
    environment.C = "queue"
    [queue.images.stage.prod]
    environment.C = "queue's stage"
    [task.thumbnail]
    layers = ["arn:3"]
    environment.C = "task"
    [task.rotate]
    environment.E = "task"
    [task.thumbnail.stage.prod]
    environment.D = "task's stage"
    [stage.dev]
    log_retention = 1
"""


def test_the_nearer_level_wins_and_nothing_is_destroyed(tmp_path: Path) -> None:
    images = read(tmp_path, LEVELS).of("images")
    assert images.environment == {"A": "app", "B": "stage", "C": "task", "D": "task's stage", "E": "task"}
    assert images.layers == ["arn:1", "arn:2", "arn:3"]
    assert images.log_retention == 14


def test_another_queue_and_another_stage_have_their_own(tmp_path: Path) -> None:
    mail = read(tmp_path, LEVELS).of("mail")
    assert (mail.environment, mail.layers, mail.log_retention) == ({"A": "app", "B": "stage"}, ["arn:1", "arn:2"], 7)
    assert read(tmp_path, LEVELS, "dev").of("images").environment["C"] == "task"
    assert read(tmp_path, LEVELS, "dev").everywhere.log_retention == 1


@given(MAPS, MAPS, MAPS)
def test_merging_three_levels_keeps_every_key_and_does_not_change_them(one: Any, two: Any, three: Any) -> None:
    before = json.dumps([one, two, three])
    merged = merge(merge(one, two), three)
    assert set(merged) == {*one, *two, *three}
    assert json.dumps([one, two, three]) == before
    for key, value in three.items():
        if not isinstance(value, (dict, list)):
            assert merged[key] == value


@given(MAPS)
def test_a_level_merged_with_itself_or_with_nothing_is_itself(level: Any) -> None:
    def without_repeats(value: Any) -> Any:
        return merge(merge({}, value), value)

    assert merge(level, {}) == merge({}, level) == level
    assert merge(without_repeats(level), level) == without_repeats(level)


@given(st.lists(SCALARS, max_size=6), st.lists(SCALARS, max_size=6))
def test_lists_concatenate_in_order_without_repeats(one: list[Any], two: list[Any]) -> None:
    merged = merge({"l": one}, {"l": two})["l"]
    texts = [json.dumps(item) for item in merged]
    assert texts == list(dict.fromkeys(json.dumps(item) for item in [*one, *two]))


@given(MAPS, MAPS)
def test_where_nothing_clashes_the_order_of_two_maps_does_not_matter(one: Any, two: Any) -> None:
    def sets(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: sets(inner) for key, inner in value.items()}
        return sorted(json.dumps(item, sort_keys=True) for item in value) if isinstance(value, list) else value

    if not list(clashes(one, two)):
        assert sets(merge(one, two)) == sets(merge(two, one))


def test_an_intrinsic_function_is_never_merged_into_another() -> None:
    assert merge({"a": {"Ref": "Table"}}, {"a": {"Fn::Sub": "x"}}) == {"a": {"Fn::Sub": "x"}}
    assert merge({"a": {"Ref": "Table"}}, {"a": {"b": 1}}) == {"a": {"b": 1}}


# Tasks that share a queue


def test_two_tasks_of_a_queue_may_add_to_one_another_but_not_disagree(tmp_path: Path) -> None:
    (line,) = refused(
        tmp_path,
        """
        [task.thumbnail]
        environment.MODE = "fast"
        [task.rotate]
        environment.X = "1"
        [task.rotate.stage.prod]
        environment.MODE = "slow"
        """,
    )
    assert line.startswith("ebbtide.toml:7: tasks 'thumbnail' and 'rotate' share queue 'images'")
    assert "environment.MODE (ebbtide.toml:3 and ebbtide.toml:7)" in line
    assert "[queue.images]" in line
    assert "fast" not in line


def test_on_a_stage_where_they_agree_they_may_share(tmp_path: Path) -> None:
    text = """
        [task.thumbnail]
        log_level = "DEBUG"
        [task.rotate]
        log_level = "DEBUG"
        [task.rotate.stage.dev]
        log_level = "INFO"
        """
    assert read(tmp_path, text, "prod").of("images").log_level == "DEBUG"
    assert "disagree on log_level" in refused(tmp_path, text, "dev")[0]


# What is wrong


def test_everything_that_is_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    lines = refused(
        tmp_path,
        '''
        regoin = "eu-west-1"
        log_retention = 13
        [environment]
        MODE = 3
        NOTE = """
        [task.nobody]
        """
        [task.resiz]
        layers = "one"
        [queue.images]
        region = "eu-west-1"
        propertis = 1
        [task.receipt.stage.Prod]
        [task.receipt.stage.prod]
        properties = {A = 1979-05-27}
        [api.cors]
        origin = []
        [api.authorizers.users]
        issuer = "https://login"
        [stage]
        prod = 1
        ''',
    )
    assert [line.split(": ")[0] for line in lines] == [
        f"ebbtide.toml:{n}" for n in (2, 3, 5, 9, 10, 12, 13, 14, 16, 18, 19, 22)
    ]
    told = "\n".join(lines)
    assert "unknown key 'regoin'. Did you mean 'region'?" in told
    assert "app 'shop' has no task 'resiz'" in told
    assert "'region' is for the whole app" in told
    assert "unknown key 'propertis'. Did you mean 'properties'?" in told
    assert "unknown key 'origin'. Did you mean 'origins'?" in told
    assert "users has no audience" in told
    assert "no name for a stage" in told
    assert "(no dates)" in told


def test_a_secret_written_in_place_of_its_reference_is_not_repeated(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, '[secrets]\nKEY = "hunter2hunter2"')
    assert "hunter2" not in line
    assert line.startswith("ebbtide.toml:2: KEY: a reference, as 'ssm:/shop/key'")


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "a = 1\nb = ?\n")[0].startswith("ebbtide.toml:2: no TOML")


def test_settings_may_stand_in_pyproject(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "shop"\n[tool.ebbtide]\nregion = "eu-west-1"\n[tool.ebbtide.task.receipt]\nmetrics = true\n'
    )
    settings = read(tmp_path, text, file="pyproject.toml")
    assert (settings.region, settings.source, settings.of("mail").metrics) == ("eu-west-1", "pyproject.toml", True)
    assert settings.lines[("task", "receipt", "metrics")] == 6
    with pytest.raises(DeclarationError, match=r"pyproject.toml:5: unknown key 'regio'"):
        read(tmp_path, text.replace("region", "\nregio"), file="pyproject.toml")


def test_settings_in_both_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ebbtide]\nmetrics = true\n")
    assert "keep one of them" in refused(tmp_path, "metrics = true")[0]


# Lines


KEYS = st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="\"\\'"), max_size=6)


@given(st.lists(st.tuples(KEYS, KEYS), min_size=1, max_size=5, unique=True))
def test_every_key_is_found_on_its_line_however_it_is_quoted(keys: list[tuple[str, str]]) -> None:
    text = "".join(f'["{table}" . \'x\']\n"{key}" . a = "[not.a.table]"\n\n' for table, key in keys)
    lines = lines_of(text)
    first = {table: 3 * number + 1 for number, (table, _) in reversed(list(enumerate(keys)))}
    for number, (table, key) in enumerate(keys):
        assert lines[(table, "x", key, "a")] == 3 * number + 2
        assert lines[(table, "x")] == first[table]
        assert line_of((table, "x", key, "a", "deeper"), lines) == 3 * number + 2
