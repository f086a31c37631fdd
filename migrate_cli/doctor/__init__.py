"""The checks of `doctor`, one module each: settings, machine, source, target, state file, live target behaviour."""
