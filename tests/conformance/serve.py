"""Our server as it is put together for people, with what the protocol's own test suite calls beside it, over HTTP.

python tests/conformance/serve.py FOLDER        prints its address, serves until it is killed
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "server"), str(ROOT / "tools")]

import anyio  # noqa: E402
from mcp.shared.exceptions import MCPDeprecationWarning  # noqa: E402
from tests.conformance.fixtures import add_fixtures  # noqa: E402
from tests.conformance.jobs import Jobs  # noqa: E402
from tests.server.reaching import served  # noqa: E402

from kling_mcp.app import build_server  # noqa: E402
from kling_mcp.tasks import Tasks  # noqa: E402
from kling_tools.settings import Settings  # noqa: E402


async def main(folder: Path, bare: bool) -> None:
    """Serve."""
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    jobs = Jobs()
    settings = Settings(data_dir=folder / "data", output_dir=folder / "out", sandbox_speed=500.0)
    server = build_server(settings, beyond=None if bare else [Tasks(jobs)])
    if not bare:
        add_fixtures(server, jobs)
    async with anyio.create_task_group() as group, served(server) as address:
        jobs.group = group
        print(address, flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), "--bare" in sys.argv)
