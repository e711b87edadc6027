"""Plans of the chain for two devices: one that replicates it, one that cuts it into stages."""

from made_up import made_up_profile
from networks import chain

from bnnplan.models.lowering import lower
from bnnplan.models.network_file import save_network
from bnnplan.planner.plan_file import load_plan, save_plan
from bnnplan.planner.planning import find_plan
from bnnplan.planner.problem import Measure
from bnnplan.planner.request import Request

PINS = {"replicas": {}, "stages": {"first": "a", "dense": "b"}}


def write_pair_plans(board, folder):
    """Files by name, and the network's file beside them."""
    save_network(chain(), folder / "chain.bnn")
    network = lower(chain())
    profile = made_up_profile(board, network)
    files = {name: folder / f"{name}.json" for name in PINS}
    for name, pins in PINS.items():
        request = Request(objectives=(Measure.PERIOD,), pins=pins)
        plan = find_plan(network, profile, source=str(folder / "chain.bnn"), request=request)
        assert len(plan.streams) == (2 if name == "replicas" else 1)
        save_plan(plan, files[name])
    return files


def stage_of(file, layer):
    """The number of a layer's stage in a plan."""
    (found,) = (row.stage for row in load_plan(file).layers if row.name == layer)
    return found
