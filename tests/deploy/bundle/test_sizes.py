"""How big a bundle is, and whether Lambda takes it."""

from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import project

from ebbtide.deploy.bundle.sizes import UNPACKED, by_package, check, distributions, megabytes
from ebbtide.deploy.bundle.wrong import BundleError


def test_files_are_counted_to_their_distribution_with_their_bytecode(tmp_path: Path) -> None:
    project(
        tmp_path,
        {
            "Django-5.2.dist-info/RECORD": 'django/a.py,sha256=x,1\n"django/b,c.txt",,\n',
            "six-1.0.dist-info/RECORD": "six.py,,\n",
        },
    )
    owners = distributions(tmp_path)
    sizes = [
        ("six.py", 1),
        ("__pycache__/six.cpython-313.pyc", 2),
        ("django/__pycache__/a.cpython-313.pyc", 30),
        ("django/b,c.txt", 40),
        ("stray/x", 5),
    ]
    assert by_package(sizes, owners) == {"Django-5.2": 70, "stray": 5, "six-1.0": 3}
    assert list(by_package(sizes, owners)) == ["Django-5.2", "stray", "six-1.0"]


def test_what_lambda_refuses_is_refused_with_the_heaviest_packages_and_the_cure() -> None:
    check(1, UNPACKED - 1, {})
    packages = {f"p{n}": (9 - n) << 20 for n in range(9)}
    with pytest.raises(BundleError) as told:
        check(2 << 20, UNPACKED, packages)
    assert "252.0 MB unpacked (2.0 MB code, 250.0 MB dependencies)" in str(told.value)
    assert "p0 9.0 MB, p1 8.0 MB, p2 7.0 MB, p3 6.0 MB, p4 5.0 MB." in str(told.value)
    assert "--image" in str(told.value)


def test_sizes_are_written_for_people() -> None:
    assert [megabytes(size) for size in (0, 1, 1_025, 5 << 20)] == ["0 kB", "1 kB", "2 kB", "5.0 MB"]
