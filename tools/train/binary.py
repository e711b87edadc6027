"""Layers with weights and activations of +1 and -1, trained with straight-through estimators."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def signs(x: Tensor) -> Tensor:
    """Return +1 where ``x >= 0`` and -1 elsewhere, so that the sign of 0 is +1."""
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


class _TriangleSign(torch.autograd.Function):
    """The sign, with the gradient ``2 - 2 |x|`` where ``|x| < 1`` and 0 elsewhere.

    That triangle is the derivative of a piecewise quadratic approximation of the sign.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return signs(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] * (2 - 2 * x.abs()).clamp(min=0)


class Sign(nn.Module):
    """The activation."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the signs of `x`."""
        result: Tensor = _TriangleSign.apply(x)
        return result


def binarize(weight: Tensor) -> Tensor:
    """Return the signs of the latent `weight`; the gradient passes to `weight` unchanged."""
    return signs(weight).detach() + (weight - weight.detach())


class BinaryConv2d(nn.Conv2d):
    """A convolution by the signs of its latent weights; the border is padded with 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` with the signs of the weights."""
        return functional.conv2d(x, binarize(self.weight), None, self.stride, self.padding)


class BinaryLinear(nn.Linear):
    """A dense layer by the signs of its latent weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply `x` by the signs of the weights."""
        return functional.linear(x, binarize(self.weight))


def clip_latent_weights(network: nn.Module) -> None:
    """Clip the latent weights of the binary layers of `network` to [-1, 1], in place."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, BinaryConv2d | BinaryLinear):
                layer.weight.clamp_(-1, 1)
