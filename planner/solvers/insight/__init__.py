"""Why a solution is as it is, and what would change it."""
