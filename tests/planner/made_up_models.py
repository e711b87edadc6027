"""Board models that are made up, so that what is predicted with them is exact."""

from bnnplan.planner.board_model import BoardModel, FamilyModel, FittedError
from bnnplan.planner.descriptors import family_of
from bnnplan.planner.profile import LaunchCost, Origin, TransferCost

ERROR = FittedError(mean=0.08, median=0.05, low=0.9, high=1.2, samples=40)


def made_up_model(
    network, board, *, ns=1000.0, origin=Origin.PREDICTED, without=(), error=ERROR, variants=("",)
):
    """Every layer takes so long on every device, but for families that are left out."""
    families = sorted({family_of(network.bind(node, 1)) for node in network.nodes} - set(without))
    spaces = [space.name for space in board.spaces]
    return BoardModel(
        board,
        origin,
        [
            FamilyModel(
                *(family, device.name, variant),
                nanoseconds={"layer": ns},
                weight_bytes={},
                workspace_bytes={},
                error=error,
            )
            for family in families
            for device in board.devices
            for variant in variants
        ],
        [
            TransferCost(source, target, 10.0, 0.0, 0.0, ())
            for source in ["user", *spaces]
            for target in ["user", *spaces]
            if source != target
        ],
        [LaunchCost(device.name, 1, 100) for device in board.devices],
    )
