"""The MCP App: one page that shows tasks inside a host's chat, and the module that offers it."""
