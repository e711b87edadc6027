"""The CPU backend: native kernels over bits and numbers, one call a segment."""

from bnnplan.backends.cpu.backend import CpuBackend

__all__ = ["CpuBackend"]
