"""Sums where memory binds: prices on weights, branching, and search among good choices."""
