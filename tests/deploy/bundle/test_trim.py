"""What of installed packages is of no use in a function."""

from pathlib import Path

from ebbtide.deploy.bundle.entry import Entry
from ebbtide.deploy.bundle.trim import trimmed


def kept(*names: str) -> list[str]:
    return [entry.name for entry in trimmed(Entry(name, Path(name)) for name in names)]


def test_scripts_and_what_tells_of_this_machine_go() -> None:
    gone = ("bin/flask", ".lock", "flask/__pycache__/app.cpython-311.pyc")
    told = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
    stays = ["flask-3.dist-info/METADATA", "flask/app.py"]
    assert kept(*gone, *(f"flask-3.dist-info/{name}" for name in told), *stays) == stays


def test_sources_and_headers_of_extension_modules_go_and_the_modules_stay() -> None:
    assert kept("fast/a.c", "fast/a.h", "fast/a.pyx", "fast/a.so", "fast/liba.a", "fast.libs/libz-1.so.1") == [
        "fast/a.so",
        "fast.libs/libz-1.so.1",
    ]


def test_test_suites_go_and_packages_called_test_stay() -> None:
    assert kept("pandas/tests/frame/test_x.py", "pandas/tests/data.csv", "pandas/a.py") == ["pandas/a.py"]
    django = ("django/test/__init__.py", "django/test/client.py", "jinja2/tests.py")
    assert kept(*django) == list(django)


def test_a_translation_goes_only_if_its_compiled_form_is_there() -> None:
    assert kept("a/de.po", "a/de.mo", "a/fr.po") == ["a/de.mo", "a/fr.po"]


def test_type_stubs_go_unless_something_reads_them_when_it_runs() -> None:
    assert kept("a/b.pyi", "a/b.py") == ["a/b.py"]
    assert kept("lazy_loader/__init__.py", "skimage/__init__.pyi") == [
        "lazy_loader/__init__.py",
        "skimage/__init__.pyi",
    ]
