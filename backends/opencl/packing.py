"""How weights and thresholds lie in an OpenCL device's memory: neurons in chunks of eight."""

from __future__ import annotations

import numpy as np

from bnnplan.models.layers import Threshold
from bnnplan.models.tensors import WORD_BITS, pack_bits

CHUNK = 8
"""Neurons that a kernel computes at once, and bits in a byte of its output."""


def chunked(rows: np.ndarray) -> np.ndarray:
    """Interleave the rows of eight neurons; missing ones are 0.

    Parameters
    ----------
    rows : ndarray, shape (O, K)

    Returns
    -------
    ndarray, shape (ceil(O / 8), K, 8)
    """
    missing = -len(rows) % CHUNK
    padded = np.pad(rows, ((0, missing), (0, 0)))
    return np.ascontiguousarray(padded.reshape(-1, CHUNK, rows.shape[1]).transpose(0, 2, 1))


def packed_weights(weight: np.ndarray) -> np.ndarray:
    """Bits of ±1 weights (O, …, I), chunked: (ceil(O / 8), taps * words, 8) uint64."""
    return chunked(pack_bits(weight).reshape(len(weight), -1))


def per_neuron(given: np.ndarray | None, neurons: int, dtype: type[np.generic]) -> np.ndarray:
    """Values of the neurons, or 0 without them, in whole chunks."""
    values = np.zeros(-(-neurons // CHUNK) * CHUNK, dtype)
    if given is not None:
        values[:neurons] = given
    return values


def thresholds(fused: Threshold) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and flips (int32, -1 where flipped), in whole words of neurons.

    Neurons that are missing get the least threshold, unflipped, which gives bit 0.
    """
    neurons = fused.threshold.size
    padded = -(-neurons // WORD_BITS) * WORD_BITS
    is_float = fused.threshold.dtype == np.float32
    least = -np.inf if is_float else np.iinfo(np.int32).min
    values = np.full(padded, least, fused.threshold.dtype)
    values[:neurons] = fused.threshold
    flips = np.zeros(padded, np.int32)
    flips[:neurons] = -fused.flip.astype(np.int32)
    return values, flips
