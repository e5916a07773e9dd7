"""What of a project stays out of its bundle without anyone saying so.

Tests, caches, dot-files, virtual environments, build results, the files of tools, databases of the embedded queue; and
secrets, which stay out even when somebody asks for them.
"""

from __future__ import annotations

from pathlib import Path

from ebbtide.deploy.bundle.patterns import matcher

ANYWHERE = (
    *(".*", "__pycache__", "*.pyc", "*.pyo", "node_modules", "*.egg-info", "*~", "*.swp"),
    *("tests", "test_*.py", "*_test.py", "conftest.py"),
    *("*.db", "*.db-*", "*.sqlite3", "*.sqlite3-*", "*.log"),
)
AT_THE_TOP = (
    *("/build", "/dist", "/docs", "/htmlcov", "/cdk.out"),
    *("/pyproject.toml", "/ebbtide.toml", "/setup.py", "/setup.cfg", "/tox.ini", "/noxfile.py", "/pytest.ini"),
    *("/uv.lock", "/uv.toml", "/pylock*.toml", "/poetry.lock", "/Pipfile*", "/requirements*.txt", "/requirements*.in"),
    *("/Makefile", "/justfile", "/Dockerfile*", "/docker-compose*", "/compose.y*ml", "/samconfig.toml", "/mypy.ini"),
    *("/README*", "/CHANGELOG*", "/CONTRIBUTING*"),
)
SECRET = (
    *(".env", ".env.*", "*.env", ".netrc", ".pypirc", ".npmrc", ".pgpass", ".aws", ".ssh", ".git"),
    *("id_rsa*", "id_ed25519*", "id_ecdsa*", "id_dsa*", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx"),
)
_PEM = b"PRIVATE KEY-----"

left_out_anywhere = matcher((*ANYWHERE, *AT_THE_TOP))
_named_like_a_secret = matcher(SECRET)


def is_made(folder: Path) -> bool:
    """Whether a folder is a virtual environment, or what an earlier build wrote."""
    return any((folder / mark).is_file() for mark in ("pyvenv.cfg", "build.json"))


def is_secret(name: str, path: Path) -> bool:
    """Whether a file is named like a secret, one of its folders is, or it holds a private key.

    A certificate alone is none.
    """
    parts = name.split("/")
    if any(_named_like_a_secret("/".join(parts[: n + 1])) for n in range(len(parts))):
        return True
    return path.suffix in (".pem", ".crt", ".cer") and _PEM in path.read_bytes()[:1_000_000]
