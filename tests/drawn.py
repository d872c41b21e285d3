"""How many examples hypothesis draws: by default few, and the same in every run.

`--hypothesis-profile thorough` draws ten times as many, others each time. There are no deadlines: how long an
example takes says more of the machine than of the code.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", settings.get_profile("default"), derandomize=False, max_examples=1000, print_blob=True
)
settings.load_profile("default")


def drawn(number: int) -> settings:
    """So many examples by default."""
    profile = settings.default
    assert profile is not None
    return settings(max_examples=number * profile.max_examples // 100)
