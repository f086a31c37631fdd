"""How Hypothesis judges speed: not at all. A test fails for what it finds, and not for a machine that is busy.

The first draw of a process reads the constants of every module that is loaded, which takes seconds on a fresh checkout
and would count against the test that happens to draw first.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")
