"""Pack the trained weights into the network file that ships with the package.

python tools/train/pack.py [--weights tools/train/fashion.npz] [--output FILE]
"""

import argparse
from pathlib import Path

import attrs
import numpy as np

from bnnplan.models import zoo
from bnnplan.models.network_file import save_network

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "models" / "zoo" / "fashion.bnn"
NOTES = (
    "HEP-BNN's network for Fashion-MNIST, 64C3-MP-64C3-MP-64-10, trained by tools/train; "
    "input: plain pixels, 0 to 255",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=HERE / "fashion.npz")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    with np.load(arguments.weights, allow_pickle=False) as weights:
        network = zoo.build("hep-fashion", weights=weights)
    save_network(attrs.evolve(network, name=zoo.TRAINED, notes=NOTES), arguments.output)


if __name__ == "__main__":
    main()
