"""What every test is run under."""

from hypothesis import HealthCheck, settings

# On a busy machine a moment can last a second, which is no fault of what is tested; and the same
# tree gives the same result every time.
settings.register_profile(
    "repeatable",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
    print_blob=True,
)
settings.register_profile("random", settings.get_profile("repeatable"), derandomize=False)
settings.load_profile("repeatable")
