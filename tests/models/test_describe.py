import json

import attrs

from bnnplan.models.describe import describe
from bnnplan.models.lowering import lower
from bnnplan.models.zoo import build


def test_rows_of_hep_fashion():
    description = describe(lower(build("hep-fashion")))
    first, second = description.rows[:2]
    assert (first.kind, first.binary, first.fused) == (
        "BinaryWeightConv2d",
        False,
        ("Threshold", "MaxPool2d"),
    )
    assert first.inputs == ("28×28×1 uint8",)
    assert first.outputs == ("14×14×64 bit",)
    # Of all windows, before the pooling.
    assert first.macs == 28 * 28 * 64 * 9
    # One bit a weight and a flip, 32 bits a threshold. The channels that a negative scale has
    # flipped take the minimum: one bit a channel.
    assert first.weight_bits == 64 * 9 + 64 * 33 + 64
    assert first.activation_bytes == 14 * 14 * 8
    assert (second.binary, second.macs) == (True, 14 * 14 * 64 * 64 * 9)


def test_totals():
    description = describe(build("hep-cifar"))
    totals, rows = description.totals, description.rows
    assert totals.layers == len(rows)
    assert totals.binary_layers == 7
    assert totals.binary_macs == totals.macs - 32 * 32 * 128 * 27
    assert totals.weight_bytes == sum(row.weight_bytes for row in rows)
    assert totals.float_bytes == 4 * totals.weights
    assert totals.largest_activation == 32 * 32 * 128 * 4
    assert max(row.activation_bytes for row in rows) == totals.largest_activation


def test_it_is_plain_data():
    description = describe(build("btc-resnet14-cifar"))
    text = json.dumps(attrs.asdict(description))
    assert json.loads(text)["totals"]["layers"] == len(description.rows)
    split = next(row for row in description.rows if row.kind == "Split")
    assert split.outputs == ("16×16×128 int32", "16×16×128 int32")
