"""What `doctor` looks at, one file for each: settings, source, target, state file, machine; and what a target does."""
