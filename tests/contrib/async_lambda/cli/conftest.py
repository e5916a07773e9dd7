"""An async-lambda app in a folder of its own, and the command line run on it in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.deploy.bundle.wheels import project, wheel

from ebbtide.contrib.async_lambda.cli.main import main
from ebbtide.contrib.async_lambda.globals import config

APP = """
import os

from src.rates import RATE
from vendored import NAME

from ebbtide.contrib.async_lambda import AsyncLambdaController, JSONResponse, config_set_name, is_build_mode

print("the module was imported", os.environ["MODE"], is_build_mode())
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2027-01-01T00:00:00.000"
config_set_name("project")
app = AsyncLambdaController()
lambda_handler = app.async_lambda_handler


@app.async_task("First", lane_count=2)
def first(event):
    print("first:", event.payload, NAME, RATE)
    return app.async_invoke("Second", {"from": event.destination_task_id})


@app.async_batch_task("Second")
def second(event):
    print("second:", [(one.source_task_id, one.payload) for one in event.events])
    return len(event.events)


@app.api_task("Get", path="/rates/{year}", method="get", timeout=20)
def get(event):
    return JSONResponse([event.method, event.querystring_params, event.headers["x-token"], event.body], status_code=201)


@app.scheduled_task("Clock", schedule_expression="rate(15 minutes)")
def clock(event):
    print("tick", event.event["detail-type"])


@app.sqs_task("Theirs", queue_arn="arn:aws:sqs:eu-west-1:123456789012:theirs")
async def theirs(event):
    raise ValueError(f"no {event.body}")


@app.dynamodb_task("Changes", stream_arn=STREAM, batch_size=10)
def changes(event):
    print([record.new_image for record in event])
"""
CONFIG = (
    '{"environment_variables": {"MODE": "plain"}, "stages": {"prod-eu": {"environment_variables": {"MODE": "prod"}}}}'
)


@dataclass
class Folder:
    path: Path

    def call(self, *words: str) -> Result:
        """Run `async-lambda` with these words."""
        return CliRunner().invoke(main, words)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one build keeps for the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folder]:
    """The app in the working directory; uv has one wheel to install, and no index. Nothing of it stays in here."""
    wheel(tmp_path / "wheelhouse", "greetings")
    (tmp_path / "settings-of-uv.toml").write_text(f"no-index = true\nfind-links = [{str(tmp_path / 'wheelhouse')!r}]\n")
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "settings-of-uv.toml"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    made = project(tmp_path / "here", {"app.py": APP, "src/rates.py": "RATE = 2", "vendor/vendored.py": "NAME = 'v'"})
    project(made, {".async_lambda/config.json": CONFIG, "requirements.txt": "greetings\n", "notes.py": ""})
    (made / ".ebbtide").mkdir()
    (made / ".ebbtide" / "cache").symlink_to(cache)
    monkeypatch.chdir(made)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(made)])
    environment, modules = dict(os.environ), dict(sys.modules)
    yield Folder(made)
    os.environ.clear()
    os.environ.update(environment)
    for name, module in list(sys.modules.items()):
        if name not in modules and str(tmp_path) in str(getattr(module, "__file__", None) or module):
            del sys.modules[name]
    config.reset()
