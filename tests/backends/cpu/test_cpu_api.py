"""The C API on bad arguments, and the choice of the instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from cpu_harness import available_isas

from bnnplan.backends.cpu import CpuBackend
from bnnplan.backends.cpu.native import VARIANTS, best_variant, check, create, ffi, lib, pointer
from bnnplan.backends.interface import Configuration
from bnnplan.models.errors import InputError, UnsupportedError
from bnnplan.models.graph import BoundLayer
from bnnplan.models.layers import BinaryDense
from bnnplan.models.tensors import ElementType, TensorType

HUGE = 2**63
SHAPE = {
    **{"batch": 1, "height": 5, "width": 5, "channels": 4},
    **{"filters": 2, "kernel_height": 3, "kernel_width": 3},
    **{"stride_height": 1, "stride_width": 1, "dilation_height": 1, "dilation_width": 1},
    "groups": 1,
}
WEIGHTS = pointer(np.ones((2, 3, 3, 4), np.int8))


def execution(isa: int = lib.BNN_ISA_BEST, axes: int = 0, threads: int = 1, method: int = 0):
    return ffi.new("bnn_execution *", (isa, axes, threads, method))


def shape(**changes: int):
    return ffi.new("bnn_convolution *", {**SHAPE, **changes})


def fusion(**fields: object):
    return ffi.new("bnn_fusion *", fields)


def binary_conv(of, weights=WEIGHTS, pad_value=0, how=None, **fused: object):
    how = execution() if how is None else how
    create(lib.bnn_binary_conv_create, of, pad_value, weights, fusion(**fused), how)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: 0} for name in SHAPE),
        *({name: HUGE} for name in SHAPE),
        {"pad_top": HUGE},
        {"kernel_height": 6},
        {"dilation_width": 9},
        {"groups": 3},
        {"batch": 2**24, "height": 2**24, "width": 2**24},
    ],
)
def test_impossible_shapes_are_refused(changes):
    bad = shape(**changes)
    with pytest.raises(InputError, match="binary convolution"):
        binary_conv(bad)
    with pytest.raises(InputError, match="first layer"):
        create(
            lib.bnn_input_conv_create,
            *(bad, lib.BNN_UINT8, WEIGHTS, ffi.NULL, execution()),
        )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"stride_width": 0}, "stride width must be 1 to 16777216, not 0"),
        ({"groups": 0}, "groups must be"),
        ({"pad_left": HUGE}, "the pad at the left must be 0 to"),
    ],
)
def test_the_wrong_extent_is_named(changes, named):
    with pytest.raises(InputError, match=named):
        binary_conv(shape(**changes))


def test_too_many_kinds_of_border_windows_are_refused():
    large = {"height": 130, "width": 130, "kernel_height": 129, "kernel_width": 129}
    pads = dict.fromkeys(("pad_top", "pad_left", "pad_bottom", "pad_right"), 128)
    wide = shape(channels=1, filters=1, **large, **pads)
    with pytest.raises(UnsupportedError, match="66049 kinds of windows at its borders"):
        binary_conv(wide, weights=pointer(np.ones((1, 129, 129, 1), np.int8)))


@pytest.mark.parametrize("wrong", [0, 2, -2, 3, -3, 127, -128])
def test_weights_other_than_signs_are_refused(wrong):
    weights = np.ones((2, 3), np.int8)
    weights[1, 2] = wrong
    with pytest.raises(InputError, match="every weight must be 1 or -1"):
        create(lib.bnn_binary_dense_create, 1, 3, 2, pointer(weights), ffi.NULL, execution())


def test_missing_arguments_are_refused():
    limits = pointer(np.zeros(2, np.int32))
    with pytest.raises(InputError, match="no shape"):
        binary_conv(ffi.NULL)
    with pytest.raises(InputError, match="missing"):
        binary_conv(shape(), weights=ffi.NULL)
    with pytest.raises(InputError, match="missing"):
        binary_conv(shape(), thresholds=limits)
    with pytest.raises(InputError, match="missing"):
        binary_conv(shape(), scales=pointer(np.zeros(2, np.float32)))
    with pytest.raises(InputError, match="needs an execution"):
        binary_conv(shape(), how=ffi.NULL)
    with pytest.raises(InputError, match="pad value 2"):
        binary_conv(shape(), pad_value=2)
    with pytest.raises(InputError, match="missing"):
        check(lib.bnn_binary_conv_create(*(shape(), 0, WEIGHTS, ffi.NULL, execution(), ffi.NULL)))


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ((2, 2, 1, 2, ffi.NULL), "2 x 2 cannot move by 1 x 2"),
        ((0, 2, 2, 2, ffi.NULL), "0 x 2 cannot"),
        ((2, 0, 2, 2, ffi.NULL), "2 x 0 cannot"),
        ((0, 0, 2, 2, ffi.NULL), "0 x 0 cannot"),
        ((HUGE, 2, HUGE, 2, ffi.NULL), "is larger than the"),
    ],
)
@pytest.mark.parametrize("groups", [1, 2])
def test_impossible_poolings_are_refused(pool, message, groups):
    limits, flips = pointer(np.zeros(2, np.int32)), pointer(np.zeros(2, np.bool_))
    carried = {"thresholds": limits, "flips": flips, "pool": pool}
    of = shape(groups=groups, channels=2, filters=2)
    for create_kernel in (lib.bnn_binary_conv_create, lib.bnn_input_conv_create):
        code = 0 if create_kernel is lib.bnn_binary_conv_create else lib.BNN_UINT8
        with pytest.raises(InputError, match=message):
            create(create_kernel, of, code, WEIGHTS, fusion(**carried), execution())


def test_fusions_that_contradict_are_refused():
    limits, flips = pointer(np.zeros(2, np.int32)), pointer(np.zeros(2, np.bool_))
    scales = pointer(np.zeros(2, np.float32))
    rule = {"thresholds": limits, "flips": flips}
    window = (1, 1, 1, 1, ffi.NULL)
    with pytest.raises(InputError, match="bits cannot be scaled"):
        binary_conv(shape(), scales=scales, biases=scales, **rule)
    with pytest.raises(InputError, match="only bits are pooled"):
        binary_conv(shape(), pool=window)
    weights, carried = pointer(np.ones((2, 3), np.int8)), fusion(pool=window, **rule)
    with pytest.raises(InputError, match="nothing to pool"):
        create(lib.bnn_binary_dense_create, 1, 3, 2, weights, carried, execution())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"threads": 0}, "1 to 1024 threads, not 0"),
        ({"threads": -1}, "1 to 1024 threads, not -1"),
        ({"threads": 1025}, "1 to 1024 threads, not 1025"),
        ({"axes": 8}, "parallel axes 8"),
        ({"isa": 77}, "no instruction set number 77"),
        ({"method": 3}, "no method number 3"),
    ],
)
def test_impossible_executions_are_refused(how, message):
    with pytest.raises(InputError, match=message):
        binary_conv(shape(), how=execution(**how))


def test_other_kernels_refuse_impossible_sizes():
    ok = execution()
    weights = pointer(np.ones((2, 3), np.int8))
    for batch, channels, filters in ((0, 3, 2), (1, 0, 2), (1, 3, 0), (HUGE, 3, 2), (1, HUGE, 2)):
        with pytest.raises(InputError, match="binary dense"):
            create(
                lib.bnn_binary_dense_create,
                *(batch, channels, filters, weights, ffi.NULL, ok),
            )
    limits, flips = pointer(np.zeros(3, np.int32)), pointer(np.zeros(3, np.bool_))
    for pixels, channels in ((0, 3), (1, 0), (HUGE, 3), (2**21, 2**20)):
        with pytest.raises(InputError, match="threshold"):
            create(lib.bnn_threshold_create, pixels, channels, lib.BNN_INT32, limits, flips, ok)
    with pytest.raises(InputError, match="element type 0"):
        create(lib.bnn_threshold_create, 1, 3, lib.BNN_BIT, limits, flips, ok)
    with pytest.raises(InputError, match="is no number"):
        create(
            lib.bnn_input_conv_create,
            *(shape(), lib.BNN_BIT, WEIGHTS, ffi.NULL, ok),
        )
    with pytest.raises(InputError, match="a pad is as large as the window"):
        create(lib.bnn_bit_pool_create, shape(pad_top=3), ffi.NULL, ok)
    with pytest.raises(InputError, match="do not become"):
        create(lib.bnn_bit_reshape_create, 1, 4, 3, 6, 3, ok)
    with pytest.raises(InputError, match="do not become"):
        create(lib.bnn_bit_reshape_create, 1, HUGE, 2, HUGE, 2, ok)
    with pytest.raises(InputError, match="no bytes"):
        create(lib.bnn_copy_create, 0, ok)


def test_programs_refuse_what_cannot_run():
    made = ffi.new("bnn_program **")
    team = ffi.new("bnn_team **")
    check(lib.bnn_team_create(ffi.NULL, 1, team))
    owned = ffi.gc(team[0], lib.bnn_team_destroy)
    with pytest.raises(InputError, match="at least one step"):
        check(lib.bnn_program_create(ffi.NULL, 0, owned, made))
    with pytest.raises(InputError, match="step 0 of a program has no usable kernel"):
        check(lib.bnn_program_create(ffi.new("bnn_step[]", 1), 1, owned, made))
    kernel = create(lib.bnn_copy_create, 8, execution())
    step = ffi.new("bnn_step *", {"kernel": kernel, "input_count": 1})
    with pytest.raises(InputError, match="step 0 of a program lacks a buffer"):
        check(lib.bnn_program_create(step, 1, owned, made))
    words = ffi.new("uint64_t[]", 2)
    address = ffi.cast("char *", words)
    for offset, wrong in ((0, "output 0"), (4, "input 0")):
        inputs = ffi.new("void *[]", [address + offset])
        outputs = ffi.new("void *[]", [address + 1])
        step = ffi.new(
            "bnn_step *",
            {
                "kernel": kernel,
                "inputs": ffi.cast("const void *const *", inputs),
                "outputs": ffi.cast("void *const *", outputs),
                "input_count": 1,
                "output_count": 1,
            },
        )
        with pytest.raises(InputError, match=f"{wrong} of step 0 is not aligned to 8 bytes"):
            check(lib.bnn_program_create(step, 1, owned, made))
    with pytest.raises(InputError, match="no program"):
        check(lib.bnn_program_run(ffi.NULL, ffi.NULL))


DENSE = BoundLayer(BinaryDense(np.ones((3, 4), np.int8)), (TensorType((4,), ElementType.BIT),))


@pytest.mark.parametrize("isa", available_isas())
def test_the_environment_forces_an_instruction_set(monkeypatch, isa):
    monkeypatch.setenv("BNNPLAN_ISA", isa)
    backend = CpuBackend()
    on = backend.devices()[0][0]
    assert best_variant() == isa
    assert on.properties["isa"] == isa
    assert {c.variant for c in backend.configurations(DENSE, on)} == {isa}
    two = BoundLayer(DENSE.layer, DENSE.inputs, 2)
    lookup = {f"{isa}-lookup"} & VARIANTS.keys()
    assert {c.variant for c in backend.configurations(two, on)} == {isa, *lookup}
    backend.prepare(DENSE, on, Configuration("", 1, isa))
    other = next((name for name in available_isas() if name != isa), None)
    if other is not None:
        with pytest.raises(UnsupportedError, match=f"BNNPLAN_ISA forces {isa}"):
            backend.prepare(DENSE, on, Configuration("", 1, other))


def test_an_unknown_instruction_set_is_an_answer_and_an_error(monkeypatch):
    on = CpuBackend().devices()[0][0]
    monkeypatch.setenv("BNNPLAN_ISA", "mmx")
    found, unavailable = CpuBackend().devices()
    assert found == []
    assert (
        'BNNPLAN_ISA is "mmx"; it must be portable, avx2, avx512bw, avx512 or neon'
        in unavailable[0].reason
    )
    with pytest.raises(InputError, match="mmx"):
        CpuBackend().prepare(DENSE, on, Configuration())


def test_unknown_axes_and_variants_are_refused():
    backend = CpuBackend()
    on = backend.devices()[0][0]
    for configuration in (Configuration("", 1, "sse9"), Configuration("Q", 1)):
        with pytest.raises(UnsupportedError, match="cannot run as"):
            backend.prepare(DENSE, on, configuration)
