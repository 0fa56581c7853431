"""Studies on a SLURM cluster: job arrays through submitit, and what SLURM says of them."""
