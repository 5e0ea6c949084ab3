"""Reports, each made from a finished run record and nothing else."""
