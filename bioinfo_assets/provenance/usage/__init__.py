"""Where time and money went: what the jobs of all results used, by step, by sample and in all."""
