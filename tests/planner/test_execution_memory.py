"""Buffers that take turns in memory hold what they must for as long as they must."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import branches, chain, everywhere

from bnnplan.backends.cpu.native import ISAS
from bnnplan.backends.host import HostBuffer
from bnnplan.backends.interface import Configuration, MemorySpace
from bnnplan.backends.reference import ReferenceBackend, evaluate
from bnnplan.backends.registry import load_backends
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Add
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.models.tensors import TensorType, encode
from bnnplan.models.zoo import ZOO
from bnnplan.planner.arena import Life, blocks_of, lay_out
from bnnplan.planner.board import Board, detect_board
from bnnplan.planner.execution.buffers import Held, allocate
from bnnplan.planner.execution.lifetimes import Lifetimes
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.staging import Staging
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.oracle import random_feeds

DATA = Path(os.environ.get("BNNPLAN_DATA", Path(__file__).parents[3] / "shared" / "data"))
MODELS = DATA / "models"
LARGE = ("btc-alexnet", "btc-vgg16")
"""Networks whose random weights take seconds to draw."""


def shared_formats(network):
    def formats(node):
        ends = (node.inputs, node.outputs)
        return tuple(tuple(network.types[tensor].format for tensor in end) for end in ends)

    return formats


def staged(network, board, assignment, **options):
    return Staging(network, board, assignment, shared_formats(network), **options)


def sizes_in(staging, space):
    types = staging.network.types
    return {p: types[p[0]].nbytes(1) for p in staging.owners if p[1] == space}


def one_device(name="one"):
    (device,) = detect_board(oracles=True).board.only(["reference0"]).devices
    return Board(name, [device])


def networks_of_others():
    files = sorted(MODELS.glob("*/*.onnx*"))
    return [pytest.param(str(file), marks=pytest.mark.slow, id=file.name) for file in files]


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(n, marks=[pytest.mark.slow] if n in LARGE else []) for n in ZOO),
        *networks_of_others(),
    ],
)
def test_networks_need_hardly_more_than_what_is_alive(name):
    network = lower(open_network(name))
    staging = staged(network, one_device(), everywhere(network, "reference0"))
    layout = lay_out(Lifetimes(staging).blocks(sizes_in(staging, "host")))
    assert layout.bound <= layout.total <= 1.05 * layout.bound


def test_the_bound_of_a_chain_is_its_widest_layer():
    network = chain()
    staging = staged(network, one_device(), everywhere(network, "reference0"))
    sizes = sizes_in(staging, "host")
    widest = max(
        sum(network.types[tensor].nbytes(1) for tensor in (*node.inputs, *node.outputs))
        for node in network.nodes
    )
    assert Lifetimes(staging).blocks(sizes).bound == widest


def sums(chance):
    """A network of sums of earlier tensors, most of them of recent ones."""
    kind = TensorType((1,), "int32")
    names = ["x0", "x1"]
    nodes = []
    for index in range(chance.randint(3, 25)):
        pair = [chance.choice(names[-chance.choice((2, 4, 20)) :]) for _ in range(2)]
        nodes.append(Node(f"n{index}", Add(), pair, [f"t{index}"]))
        names.append(f"t{index}")
    read = {tensor for node in nodes for tensor in node.inputs}
    outputs = [name for name in names[2:] if name not in read or chance.random() < 0.1]
    return Network("sums", {"x0": kind, "x1": kind}, nodes, outputs)


class Memory:
    """Bytes that remember which tensor wrote them last."""

    def __init__(self, layout, sizes):
        self.at = {
            place: slice(offset, offset + size)
            for (place, size), offset in zip(sizes.items(), layout.offsets, strict=True)
        }
        self.owner = np.zeros(layout.total, np.int64)
        self.mark = {place: number for number, place in enumerate(sizes, 1)}

    def write(self, place):
        if place in self.at:
            self.owner[self.at[place]] = self.mark[place]

    def read(self, place):
        if place in self.at:
            assert (self.owner[self.at[place]] == self.mark[place]).all(), place


def run_in_any_order(staging, memories, choose):
    """Every step, in an order that a concurrent run might take, and what it reads and writes."""
    steps = []
    for stage in staging.stages:
        copies = [((source,), (target,)) for source, target in stage.copies]
        steps.append([*copies, *((layer.inputs, layer.outputs) for layer in stage.layers)])
    for place in staging.uploads:
        for memory in memories:
            memory.write(place)
    done = set()
    at = [0] * len(steps)
    while len(done) < len(steps):
        ready = [
            index
            for index, stage in enumerate(staging.stages)
            if index not in done
            and done.issuperset(stage.waits)
            and all(
                other in done
                for other in range(index)
                if staging.stages[other].segment.device == stage.segment.device
            )
        ]
        index = choose(ready if staging.concurrent else ready[:1])
        read, made = steps[index][at[index]]
        for memory in memories:
            # Outputs before inputs: neither may lie where the other does.
            for place in made:
                memory.write(place)
            for place in (*read, *made):
                memory.read(place)
        at[index] += 1
        if at[index] == len(steps[index]):
            done.add(index)
    for _, place in staging.outputs:
        if place is not None:
            for memory in memories:
                memory.read(place)


@pytest.mark.parametrize("spaces", [("host", "host"), ("host", "far")])
@pytest.mark.parametrize("concurrent", [False, True])
def test_no_order_of_steps_overwrites_what_is_still_read(two_references, spaces, concurrent):
    board = attrs.evolve(
        two_references,
        devices=[
            attrs.evolve(device, space=MemorySpace(space))
            for device, space in zip(two_references.devices, spaces, strict=True)
        ],
    )

    @given(st.integers(0, 2**32), st.sampled_from([0.02, 0.2, 0.5]))
    @settings(max_examples=60, deadline=None)
    def holds(seed, share):
        chance = random.Random(seed)
        network = sums(chance)
        assignment = {
            node.name: ("b" if chance.random() < share else "a", Configuration())
            for node in network.nodes
        }
        staging = staged(network, board, assignment, concurrent=concurrent)
        lifetimes = Lifetimes(staging)
        memories = []
        for space in set(spaces):
            sizes = {place: chance.randint(1, 9) for place in sizes_in(staging, space)}
            layout = lay_out(lifetimes.blocks(sizes), 1)
            assert layout.total >= layout.bound
            memories.append(Memory(layout, sizes))
        run_in_any_order(staging, memories, chance.choice)

    holds()


def test_branches_on_two_devices_never_share_memory(two_references):
    near = [attrs.evolve(d, space=two_references.devices[0].space) for d in two_references.devices]
    network = branches()
    assignment = everywhere(network, "a") | {"right": ("b", Configuration())}
    staging = staged(network, Board("near", near), assignment, concurrent=True)
    sizes = sizes_in(staging, "host")
    blocks = Lifetimes(staging).blocks(sizes)
    names = [place[0] for place in sizes]
    left, right = names.index("l"), names.index("r")
    assert blocks.clashes[left] >> right & 1
    # One after the other, the input is dead when the branches run.
    assert not blocks.clashes[names.index("pixels")] >> left & 1


def poison(runner, byte=0xFF):
    for place, buffer in runner.buffers.items():
        garbage = np.full(buffer.nbytes, byte, np.uint8).view(buffer.type.element.dtype)
        backend = runner.owners[place]
        backend.upload(garbage.reshape(buffer.type.array_shape(buffer.batch)), buffer)


def cases_of(network, batch, seeds=2):
    """Inputs and right outputs, both as they lie in memory, the tails of packed words included."""
    cases = []
    for seed in range(seeds):
        feeds = random_feeds(network, batch, seed)
        wanted = evaluate(network, feeds)
        outputs = [encode(wanted[name], network.types[name]) for name in network.outputs]
        cases.append((check_feeds(network, feeds, batch), outputs))
    return cases


def assert_exact_on_garbage(runner, cases):
    for arrays, outputs in cases:
        poison(runner)
        for got, wanted in zip(runner.run_encoded(arrays), outputs, strict=True):
            np.testing.assert_array_equal(got, wanted)


def usable(*names):
    board = detect_board(oracles=True).board
    return [device for device in board.devices if device.backend in names]


def ways():
    """Devices, the CPU's with every instruction set forced."""
    isas = [isa for isa in ISAS if isa]
    return [(d, isa) for d in usable("cpu") for isa in isas] + [(d, "") for d in usable("opencl")]


@pytest.mark.parametrize(("device", "isa"), ways(), ids=lambda part: getattr(part, "name", part))
@pytest.mark.parametrize(
    "build",
    [
        lambda: chain(channels=9),
        lambda: chain(channels=70),
        lambda: lower(chain(channels=70)),
        lambda: branches(channels=130),
        lambda: lower(open_network("fashion")),
    ],
    ids=["chain9", "chain70", "fused70", "branches", "fashion"],
)
def test_every_configuration_is_exact_on_memory_full_of_garbage(build, device, isa, monkeypatch):
    monkeypatch.setenv("BNNPLAN_ISA", isa)
    backend = load_backends().usable[device.backend]
    if not backend.devices()[0]:
        pytest.skip(f"this machine or build has no {isa}")
    network = build()
    bench = Workbench(network, Board("one", [device]), batch=2)
    offered = {
        node.name: backend.configurations(network.bind(node, 2), device) for node in network.nodes
    }
    cases = cases_of(network, 2)
    for turn in range(max(map(len, offered.values()))):
        turned = {name: found[turn % len(found)] for name, found in offered.items()}
        runner = Runner(bench, {name: (device.name, chosen) for name, chosen in turned.items()})
        assert_exact_on_garbage(runner, cases)


@pytest.mark.parametrize("concurrent", [False, True])
def test_plans_over_several_devices_are_exact_on_garbage(two_references, concurrent):
    network = branches(channels=70)
    bench = Workbench(network, two_references, batch=2)
    cases = cases_of(network, 2)
    for alone in network.nodes:
        assignment = everywhere(network, "a") | {alone.name: ("b", Configuration())}
        assert_exact_on_garbage(Runner(bench, assignment, concurrent=concurrent), cases)


def test_a_backend_without_arenas_has_a_buffer_for_every_tensor(reference_board, monkeypatch):
    monkeypatch.setattr(ReferenceBackend, "allocate_arena", lambda self, device, nbytes: None)
    network = chain()
    bench = Workbench(network, reference_board)
    runner = Runner(bench, everywhere(network, "reference0"))
    assert_exact_on_garbage(runner, cases_of(network, 1))
    (row,) = footprint(runner)
    assert row.activation_bytes == sum(kind.nbytes(1) for kind in network.types.values())
    assert row.alive_bytes < row.activation_bytes


class Tiled(ReferenceBackend):
    """Keeps tensors in a format of its own if it is asked to."""

    def allocate(self, device, type, batch, format):
        buffer = HostBuffer(type, batch, device.space)
        buffer.format = format
        return buffer


def test_tensors_in_formats_of_a_backends_own_lie_in_no_arena(reference_board):
    network = chain()
    (device,) = reference_board.devices
    bench = SimpleNamespace(
        network=network, batch=1, backends={device.name: Tiled()}, device=lambda name: device
    )
    space, types = device.space.name, network.types
    early, late = ((name, space, types[name].format) for name in ("bits", "deep"))
    tiled = ("bits", space, "tiled")
    life = {early: 0, late: 1, tiled: 0}
    found = allocate(
        bench,
        dict.fromkeys(life, device.name),
        lambda sizes: blocks_of([Life(sizes[p], life[p], life[p]) for p in sizes]),
    )
    assert [found.at[place].format for place in life] == [early[2], late[2], "tiled"]
    arrays = {place: found.at[place].array for place in life}
    assert np.shares_memory(arrays[early], arrays[late])
    assert not np.shares_memory(arrays[early], arrays[tiled])
    size = types["bits"].nbytes(1)
    assert found.held[space] == Held(2 * size, 2 * size)


def test_footprint_states_what_kernels_and_programs_hold(reference_board):
    network = chain()
    runner = Runner(Workbench(network, reference_board), everywhere(network, "reference0"))
    (row,) = footprint(runner, {"host": 7})
    kernels = [step.kernel for step in runner.stages[0].program.steps]
    assert row.weight_bytes == sum(kernel.weight_bytes for kernel in kernels)
    assert row.workspace_bytes == max(kernel.workspace_bytes for kernel in kernels)
    assert row.predicted_bytes == 7
    arrays = [buffer.array for buffer in runner.buffers.values()]
    starts = [array.ctypes.data for array in arrays]
    ends = [start + array.nbytes for start, array in zip(starts, arrays, strict=True)]
    assert max(ends) - min(starts) <= row.activation_bytes
    assert all(start % 64 == 0 for start in starts)


GROWTH = """
import ctypes, json, re, sys
PR_SET_THP_DISABLE = 41  # one byte in a huge page would count as 2 MiB
ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
from bnnplan.models.graph import Network, Node
from bnnplan.models.layers import Add
from bnnplan.models.load import open_network
from bnnplan.models.lowering import lower
from bnnplan.planner.board import detect_board
from bnnplan.planner.execution.memory import footprint
from bnnplan.planner.execution.runner import Runner, check_feeds
from bnnplan.planner.execution.workbench import Workbench
from bnnplan.planner.profiling.oracle import random_feeds

def resident():
    text = open("/proc/self/status").read()
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", text)[1])

network = lower(open_network(sys.argv[1]))
board = detect_board().board.only(["cpu0"])
bench = Workbench(network, board)
backend, device = bench.backends["cpu0"], board.device("cpu0")
assignment = {
    node.name: ("cpu0", backend.configurations(network.bind(node), device)[0])
    for node in network.nodes
}
for node in network.nodes:
    bench.kernel(node, *assignment[node.name])
arrays = check_feeds(network, random_feeds(network, 1, 0), 1)
ctypes.CDLL(None).malloc_trim(0)
before = resident()
runner = Runner(bench, assignment)
for _ in range(3):
    runner.run_encoded(arrays)
(row,) = footprint(runner)
print(json.dumps([resident() - before, row.activation_bytes + row.workspace_bytes]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif(not usable("cpu"), reason="no cpu backend")
@pytest.mark.parametrize("name", ["btc-resnet18", "bi-real-18", "binary-densenet-28", "quicknet"])
def test_resident_memory_grows_by_arena_and_workspace(name):
    ran = subprocess.run(
        [sys.executable, "-c", GROWTH, name],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    grown, stated = json.loads(ran.stdout)
    # Pages, the objects of Python, and what libraries touch first when something runs.
    assert 0.9 * stated <= grown <= 1.1 * stated + 2**20
