"""Kling's own API in its two standards (kling-official 0.2): `standard` (API key) and `legacy` (API key or JWT)."""
