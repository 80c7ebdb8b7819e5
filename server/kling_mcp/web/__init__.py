"""MCP over HTTP: who may come in, how much of it, and what else has an address here. Loaded by `serve --http` only."""
