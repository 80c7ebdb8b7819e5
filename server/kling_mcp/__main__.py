"""`python -m kling_mcp` equals `kling-mcp`."""

import sys

from kling_mcp.cli import main

sys.exit(main())
