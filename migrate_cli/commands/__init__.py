"""One function for each command: settings and choices in, one `Result` out. They join the stages and print nothing."""
