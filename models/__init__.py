"""Binarized networks: the graph, its layers, tensor formats, importers, lowering and files.

This package knows neither backends nor the planner.
"""
