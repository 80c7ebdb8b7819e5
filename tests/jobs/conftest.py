"""Clips and sounds for tasks that work on them, made once."""

from __future__ import annotations

from tests.files.conftest import clips, encoder, sounds

__all__ = ["clips", "encoder", "sounds"]
