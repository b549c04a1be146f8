"""The use cases behind the commands, independent of a terminal."""
