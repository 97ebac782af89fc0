"""The two programs of a host, as a benchmark starts and ends them."""

from __future__ import annotations

from lab.namespace import Namespace
from lab.process import Process


class HostProcesses:
    """A data plane and perhaps an agent in a namespace. Those who derive from this start them."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._agent: Process | None = None
        self._dataplane: Process | None = None

    def stop_agent(self) -> None:
        """Ends the agent. The data plane goes on."""
        if self._agent is not None:
            self._agent.stop()
            self._namespace.processes.remove(self._agent)
            self._agent = None

    def stop(self) -> None:
        """Ends both."""
        self.stop_agent()
        if self._dataplane is not None:
            self._dataplane.stop()
            self._namespace.processes.remove(self._dataplane)
            self._dataplane = None
