"""What an agent can do: one file per tool, named after it. `all` is the table of contents."""
