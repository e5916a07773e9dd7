"""Files from several places at the top of one archive."""

from pathlib import Path

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.hiding import hidden


def left(*places: list[str]) -> list[list[str]]:
    found = hidden([[Entry(name, Path(str(number))) for name in names] for number, names in enumerate(places)])
    return [[entry.name for entry in entries] for entries in found]


def test_a_module_hides_a_module_and_a_package_of_its_name_with_their_bytecode() -> None:
    far = ["six.py", "__pycache__/six.cpython-313.pyc", "yaml/__init__.py", "yaml/loader.py", "_speed.cpython-313.so"]
    assert left(["six.py", "yaml.py", "_speed.py"], far) == [["six.py", "yaml.py", "_speed.py"], []]


def test_a_package_hides_all_of_another_so_that_none_is_made_of_two_versions() -> None:
    assert left(["yaml/__init__.py"], ["yaml/__init__.py", "yaml/old.py", "yaml.so"]) == [["yaml/__init__.py"], []]


def test_a_namespace_is_made_of_parts_from_both() -> None:
    near, far = ["google/auth/__init__.py"], ["google/auth/__init__.py", "google/cloud/__init__.py"]
    assert left(near, far) == [near, ["google/cloud/__init__.py"]]


def test_other_files_are_hidden_by_one_of_the_same_name_alone() -> None:
    assert left(["data.json", "six.txt"], ["data.json", "six.py"], ["more.json"]) == [
        ["data.json", "six.txt"],
        ["six.py"],
        ["more.json"],
    ]
