"""The studio: the order of things, from a request to a file, and what can be asked meanwhile."""

from kling_tools.studio.looking import Film, Look
from kling_tools.studio.routing import Quote
from kling_tools.studio.studio import Report, Studio, TaskPage

__all__ = ["Film", "Look", "Quote", "Report", "Studio", "TaskPage"]
