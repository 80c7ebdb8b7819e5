"""Kling over MCP: the only package that knows the protocol. What an agent can do is in `kling_tools`."""
