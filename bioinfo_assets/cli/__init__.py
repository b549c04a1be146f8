"""The command line, `bioinfo-assets`."""
