"""What must be in place before the modules of an async-lambda app are imported: `vendor/` on their path, its variables.

Only where such an app stands in its folder: a bundle has what is in `vendor/` at its top, and a function its variables
from the template.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ebbtide.contrib.async_lambda.config.environment import environment_of
from ebbtide.contrib.async_lambda.globals import BUILD_MODE

VENDOR = "vendor"
STAGE = "EBBTIDE_STAGE"
"""The variable that names a stage where no command does."""


def prepare(folder: str, stage: str | None) -> None:
    """For the app in this folder, which is on `sys.path`. stage: the one that a command is about; None: the app is to
    run here. Raises DeclarationError for a config.json that is wrong, and for a stage that it does not have."""
    vendor = os.path.join(folder, VENDOR)
    if os.path.isdir(vendor) and vendor not in sys.path:
        sys.path.insert(sys.path.index(folder) + 1, vendor)
    if stage is not None:
        os.environ[BUILD_MODE] = "1"
    os.environ.update(environment_of(Path(folder), stage or os.environ.get(STAGE)))
