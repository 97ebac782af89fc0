"""A lab of network namespaces: hosts with an underlay between them, guests, and Alkaid's processes.

    with two_hosts() as lab:
        lab.apply_examples()
        lab.guests["green-1"].lease()
        assert lab.guests["green-1"].ping("10.1.0.12").received == 3

Everything is named after this process, so that labs run side by side, and is removed on the way out
of the "with" block, whatever happens in it.
"""

from .capture import Capture
from .goal_state import GoalState
from .guest import Guest, PingResult
from .host import Host
from .namespace import Namespace
from .shell import LabError, wait_until
from .topology import Lab, two_hosts

__all__ = ["Capture", "GoalState", "Guest", "Host", "Lab", "LabError", "Namespace", "PingResult", "two_hosts",
           "wait_until"]
