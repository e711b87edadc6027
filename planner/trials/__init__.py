"""Tries plans on the board: right, as fast as predicted, and not slower than one device."""
