"""Layers with weights and activations of +1 and -1, trained with a straight-through estimator."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _StraightThroughSign(torch.autograd.Function):
    """The sign, whose gradient passes unchanged where ``|x| <= 1`` and is 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] * (x.abs() <= 1)


def sign(x: Tensor) -> Tensor:
    """Return +1 where ``x >= 0`` and -1 elsewhere, so ``sign(0) = +1``."""
    result: Tensor = _StraightThroughSign.apply(x)
    return result


class Sign(nn.Module):
    """The activation: `sign` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the signs of `x`."""
        return sign(x)


class BinaryConv2d(nn.Conv2d):
    """A convolution by the signs of its latent weights; the border is padded with 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` with the signs of the weights."""
        return functional.conv2d(x, sign(self.weight), None, self.stride, self.padding)


class BinaryLinear(nn.Linear):
    """A dense layer by the signs of its latent weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply `x` by the signs of the weights."""
        return functional.linear(x, sign(self.weight))


def clip_latent_weights(network: nn.Module) -> None:
    """Clip the latent weights of the binary layers of `network` to [-1, 1], in place."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, BinaryConv2d | BinaryLinear):
                layer.weight.clamp_(-1, 1)
