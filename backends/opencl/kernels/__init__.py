"""The OpenCL C sources, read as package data."""
