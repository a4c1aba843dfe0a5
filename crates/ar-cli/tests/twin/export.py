#!/usr/bin/env python3
"""Writes the fixtures of `tests/cli/exchange.rs`: what PyTorch has of a small PixelCNN.

    pip install torch numpy safetensors
    python export.py
"""
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parents[3] / "xtask"))

from torch_peers import PixelCnn  # noqa: E402

torch.manual_seed(7)
net = PixelCnn(h=4, blocks=2)
levels = torch.randint(0, 256, (20, 1, 28, 28))
with torch.no_grad():
    logits = net(levels)  # (B, H, W, K)
    nats = F.cross_entropy(logits.flatten(0, 2), levels.flatten(), reduction="none").view(20, -1).double().sum(1)
save_file(net.state_dict(), HERE / "pixelcnn.safetensors", metadata={"torch": torch.__version__})
save_file({"levels": levels.to(torch.uint8), "nats": nats.float()}, HERE / "images.safetensors")
