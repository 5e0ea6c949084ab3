"""The run record: what happened, in one folder; reports read it and nothing else."""
