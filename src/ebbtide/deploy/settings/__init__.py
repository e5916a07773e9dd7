"""`ebbtide.toml`, or `[tool.ebbtide]` in pyproject.toml: what a stage is told beside its code.

settings_of(app, "prod", folder) -> Settings
"""

from ebbtide.deploy.settings.read import settings_of
from ebbtide.deploy.settings.values import Api, Configured, FunctionSettings, Settings

__all__ = ["Api", "Configured", "FunctionSettings", "Settings", "settings_of"]
