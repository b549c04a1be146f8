"""Every parser of outside text, on malformed input: hypothesis in the suite, atheris by `make fuzz`."""
