"""The page on the file lists every key there is, and says rightly where it may stand and what becomes of levels."""

from tests.docs.pages import tables

from ebbtide.contrib.async_lambda.config.keys import KEYS, Key
from ebbtide.contrib.async_lambda.config.levels import deep, join, last, union, update

RULES = {
    update: "the tables merged",
    deep: "the tables merged, and those in them",
    union: "all, in order, without repeats",
    join: "all, in order",
    last: "the nearest",
}


def where(key: Key) -> str:
    return "app" if key.wide else "app, async task" if key.queued else "app, task"


def test_every_key_stands_in_the_table_with_what_it_means() -> None:
    (table,) = tables("reference/async-lambda-config.md", "Keys")
    assert table == [[f"`{name}`", where(key), RULES[key.rule], key.means] for name, key in KEYS.items()]
