"""The official API as an API key opens it: both standards at once, each call in the one that its product is sold in.

The current standard has the newer video endpoints, the legacy one everything else (kling-official 0.2, 1.2, 16).
"""

from __future__ import annotations

from collections.abc import Sequence

from kling_tools.model.plan import Order, Plan, Prepared
from kling_tools.model.plan import Standard as ApiStandard
from kling_tools.model.tasks import Observation, Remote
from kling_tools.providers.dialect import Bare, Page, WireAnswer, WireCall
from kling_tools.providers.kling.legacy import Legacy
from kling_tools.providers.kling.standard import Standard

_LEGACY_PATHS = "/v1/"


class Official(Bare):
    """Both standards as one dialect. Plans say theirs; tasks are known by the path that created them."""

    standards: tuple[ApiStandard, ...] = ("standard", "legacy")
    lists: tuple[str, ...] = ("",)

    def __init__(self) -> None:
        self._current = Standard()
        self._legacy = Legacy(pair=False)

    def product(self, plan: Plan) -> str:
        """Return the product's path."""
        return self._sold(plan).product(plan)

    def create(self, order: Order) -> WireCall:
        """Encode the order's next call in the standard that its plan was priced in."""
        return self._sold(order.plan).create(order)

    def accepted(self, order: Order, call: WireCall, answer: WireAnswer) -> Observation | Prepared:
        """Read the answer to that call."""
        return self._at(call.path).accepted(order, call, answer)

    def looks(self, remotes: Sequence[Remote]) -> list[WireCall]:
        """Encode queries for the tasks of each standard."""
        old = [remote for remote in remotes if remote.product.startswith(_LEGACY_PATHS)]
        new = [remote for remote in remotes if not remote.product.startswith(_LEGACY_PATHS)]
        return [*self._current.looks(new), *self._legacy.looks(old)]

    def seen(self, call: WireCall, answer: WireAnswer) -> list[Observation]:
        """Read the answer to a query."""
        return self._at(call.path).seen(call, answer)

    def find(self, external_id: str, product: str) -> WireCall:
        """Encode the question for a task by our own id, in the standard of its product."""
        return self._at(product).find(external_id, product)

    def listing(
        self, product: str = "", *, active: bool = False, start: float | None = None, end: float | None = None
    ) -> WireCall:
        """Encode the list of everything, or with an old product its own: that the first shows it is not documented."""
        return self._at(product).listing(product, active=active, start=start, end=end)

    def page(self, call: WireCall, answer: WireAnswer) -> Page:
        """Read one page of a list, or the answer to a query as the only page."""
        return self._at(call.path).page(call, answer)

    def probe(self) -> WireCall:
        """Encode a call that only a valid API key gets an answer to."""
        return self._current.probe()

    def _sold(self, plan: Plan) -> Standard | Legacy:
        return self._legacy if plan.standard == "legacy" else self._current

    def _at(self, path: str) -> Standard | Legacy:
        return self._legacy if path.startswith(_LEGACY_PATHS) else self._current
