"""The environment of a process that Slurm starts."""

from __future__ import annotations


def slurm(rank: int, nodes: int = 2, tasks: int = 2) -> dict[str, str]:
    """What `srun` tells a process."""
    per_node = tasks // nodes
    numbers = {"NNODES": nodes, "NTASKS": tasks, "NTASKS_PER_NODE": per_node, "PROCID": rank,
               "LOCALID": rank % per_node, "NODEID": rank // per_node, "JOB_ID": 7}  # fmt: skip
    return {"SLURM_JOB_NAME": "train", **{f"SLURM_{name}": str(number) for name, number in numbers.items()}}
