"""uv, asked with a network and without."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.deploy.bundle.wheels import wheel

from ebbtide.deploy.bundle.uv import UvFailed, asked
from ebbtide.deploy.bundle.wrong import BundleError


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing, and wants to be asked every time."""

    def log_message(self, format: str, *args: object) -> None: ...

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


@contextmanager
def index(folder: Path) -> Iterator[str]:
    """An index of the wheels in `folder/NAME/`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            serving.join()


def test_without_a_network_what_uv_has_kept_must_do(
    tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    wheel(tmp_path / "index" / "kept", "kept")
    install = ["pip", "install", "--target", "made", "kept", "--default-index"]
    with index(tmp_path / "index") as url:
        asked([*install, url], tmp_path)
    assert (tmp_path / "made" / "kept.py").exists()
    install[3] = "again"
    asked([*install, url], tmp_path)
    assert (tmp_path / "again" / "kept.py").exists()
    with pytest.raises(UvFailed, match=r"Connection refused|Connect"):
        asked([word.replace("kept", "never-seen") for word in [*install, url]], tmp_path)


def test_a_uv_that_does_not_know_an_option_is_too_old(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"too old: .*upgrade uv"):
        asked(["pip", "install", "--not-yet-invented"], tmp_path)
