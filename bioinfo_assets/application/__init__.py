"""Use cases behind the commands, without a terminal."""
