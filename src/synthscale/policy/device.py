"""Where this process computes."""

from __future__ import annotations

import torch

from synthscale.policy.config import Device


def pick_device(device: Device) -> str:
    """The device's name for torch; auto is a GPU where there is one."""
    if device is Device.auto:
        return "cuda" if torch.cuda.is_available() else "cpu"
    return str(device.value)
