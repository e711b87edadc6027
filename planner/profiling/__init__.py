"""Measures a network on a board: every layer in every placement, every transfer.

How it is measured, and why so:

* Before anything is timed it must be right: every kernel is run on the activations that the
  layer meets in the network and compared with the `reference` backend, bit for bit.
* Layers are timed inside programs of the whole network, in the cache state that they will meet;
  a layer alone in a loop finds its data in the first-level cache and looks faster than it is.
* From round to round every layer takes another of its configurations, so that alternatives are
  interleaved and slow drifts of the machine hit all of them alike.
* Layers of equal shape share their samples: what is measured for one counts for all.
"""

from bnnplan.planner.profiling.loading import profile_under_load
from bnnplan.planner.profiling.options import Options, Progress
from bnnplan.planner.profiling.profiler import profile_network

__all__ = ["Options", "Progress", "profile_network", "profile_under_load"]
