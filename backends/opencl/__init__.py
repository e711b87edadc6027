"""Layers on OpenCL devices: GPUs and accelerators with a driver, and CPUs through PoCL."""

from bnnplan.backends.opencl.backend import OpenClBackend

__all__ = ["OpenClBackend"]
