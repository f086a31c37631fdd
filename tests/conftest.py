"""How Hypothesis judges speed: not at all. A test fails for what it finds, and not for a machine that is busy.

The first draw of a process reads the constants of every module that is loaded, which takes seconds on a fresh checkout
and would count against the test that happens to draw first.

Every run draws the same examples, so that a change lands or not by what it does, and not by luck.
`HYPOTHESIS_PROFILE=explore` draws new ones.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("calm", settings.get_profile("explore"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "calm"))
