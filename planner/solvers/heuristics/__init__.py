"""Methods that find a plan fast and prove nothing, and what they begin with."""
