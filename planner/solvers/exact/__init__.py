"""Methods that prove the optimum without a solver: dynamic programming, elimination, exhaustive."""
