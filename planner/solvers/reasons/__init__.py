"""Why a problem has no solution, confirmed before it is told."""
