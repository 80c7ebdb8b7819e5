"""create_image: pictures of every kind that Kling makes."""

from __future__ import annotations

from kling_tools.model.requests import CreateImage
from kling_tools.operations.spending import spending

CREATE_IMAGE = spending(
    "create_image",
    "Create an image",
    ("Make pictures: from words or references, in series, widened, tried on, other views, cut-outs. Costs money."),
    "image",
    CreateImage,
)
