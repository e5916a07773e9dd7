"""A template as CloudFormation would have it: translated by SAM's own translator, offline."""

from __future__ import annotations

import copy
import os
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

Json = dict[str, Any]

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the translator asks boto3 for a region, and nothing else


def uploaded(template: Json) -> Json:
    """The template as it is once what it names is in a bucket, which SAM wants before it translates."""
    made = copy.deepcopy(template)
    for resource in made["Resources"].values():
        for name, place in (("CodeUri", "s3://bucket/code.zip"), ("ContentUri", "s3://bucket/dependencies.zip")):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = place
        if "ImageUri" in resource.get("Properties", {}):
            resource["Properties"]["ImageUri"] = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:latest"
    return made


def translated(template: Json) -> Json:
    """It, without a managed policy to draw on: where SAM wanted to attach one, it fails."""
    translator = Translator({}, Parser())
    answer: Json = translator.translate(uploaded(template), parameter_values={})
    translator.metrics.publish()  # to nobody; it complains if they are left
    return answer
