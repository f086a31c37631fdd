"""One file for each command: settings and options in, one `Result` out. Commands join the stages and print nothing."""
