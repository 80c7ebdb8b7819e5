"""What an agent can do with Kling. Knows nothing of MCP: another face may read the same operations."""
