"""create_element: a reusable character or thing."""

from __future__ import annotations

from kling_tools.model.requests import CreateElement
from kling_tools.operations.spending import spending

CREATE_ELEMENT = spending(
    "create_element",
    "Create an element",
    ("Keep a character or thing for later videos; use it as element:ID. Free, and lasting in the account."),
    "library",
    CreateElement,
    effect="changes",
)
