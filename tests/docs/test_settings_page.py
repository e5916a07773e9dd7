"""The page on settings lists every key there is, and says rightly where it may stand."""

from tests.docs.pages import tables

from ebbtide.deploy.settings.keys import KEYS


def test_every_key_stands_in_the_table_with_what_it_means() -> None:
    (table,) = tables("reference/settings.md", "Keys")
    expected = [[f"`{name}`", "the app" if key.wide else "app, queue, task", key.means] for name, key in KEYS.items()]
    assert table == expected
