#!/usr/bin/env python3
"""Exports what PyTorch computes for small models: parameters, levels, logits, loss and gradients.

    pip install torch numpy safetensors
    cargo xtask golden            (or: python export.py)

Writes one `<case>.safetensors` of at most 100 KB beside this file, with the model, its
configuration, the domain and the version of PyTorch in its metadata. Parameters are in our layout:
of a masked kernel only the live taps are kept, as (taps, c_in, c_out).
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


class MaskedConv2d(nn.Conv2d):
    """A masked convolution over channels that are generated one after the other, in `groups`."""

    def __init__(self, kind, c_in, c_out, k, groups):
        super().__init__(c_in, c_out, k, padding=k // 2)
        mask = torch.ones(c_out, c_in, k, k)
        mask[:, :, k // 2, k // 2 + 1:] = 0
        mask[:, :, k // 2 + 1:] = 0
        group = lambda c: torch.tensor([next(g for g in range(groups) if i < (g + 1) * c // groups) for i in range(c)])
        to, source = group(c_out)[:, None], group(c_in)[None]
        mask[:, :, k // 2, k // 2] = ((source < to) if kind == "A" else (source <= to)).float()
        self.register_buffer("mask", mask)
        self.live = [(y, x) for y in range(k) for x in range(k) if mask[:, :, y, x].any()]

    def forward(self, x):
        return self._conv_forward(x, self.weight * self.mask, self.bias)

    def live_taps(self, weight):
        return torch.stack([(weight * self.mask)[:, :, y, x].T for y, x in self.live])


class PixelCnn(nn.Module):
    def __init__(self, c, k, h, blocks, first, kernel):
        super().__init__()
        conv = lambda kind, a, b, size: MaskedConv2d(kind, a, b, size, c)
        self.first = conv("A", c, 2 * h, first)
        self.blocks = nn.ModuleList(
            nn.ModuleList([conv("B", 2 * h, h, 1), conv("B", h, h, kernel), conv("B", h, 2 * h, 1)]) for _ in range(blocks))
        self.head1, self.head2 = conv("B", 2 * h, 2 * h, 1), conv("B", 2 * h, c * k, 1)

    def forward(self, x):
        h = self.first(x)
        for a, b, c in self.blocks:
            h = h + c(F.relu(b(F.relu(a(F.relu(h))))))
        return self.head2(F.relu(self.head1(F.relu(h))))


class PlainPixelCnn(nn.Module):
    def __init__(self, c, k, h, blocks, first, kernel):
        super().__init__()
        sizes = [("A", c, first)] + [("B", h, kernel)] * blocks
        self.convs = nn.ModuleList(MaskedConv2d(kind, a, h, size, c) for kind, a, size in sizes)
        self.head = MaskedConv2d("B", h, c * k, 1, c)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.head(x)


class GatedPixelCnn(nn.Module):
    """Grey only: vertical kernels are cropped, horizontal ones padded on the left, as in the peers."""

    def __init__(self, c, k, h, blocks, first, kernel):
        super().__init__()
        assert c == 1
        self.layers = nn.ModuleList()
        for i in range(blocks):
            size, c_in = (first, 1) if i == 0 else (kernel, h)
            n = size // 2
            self.layers.append(nn.ModuleDict({
                "v": nn.Conv2d(c_in, 2 * h, (n if i == 0 else n + 1, size)),
                "h": nn.Conv2d(c_in, 2 * h, (1, n if i == 0 else n + 1)),
                "v2h": nn.Conv2d(2 * h, 2 * h, 1), "skip": nn.Conv2d(h, h, 1)}))
            if i + 1 < blocks:
                self.layers[i]["out"] = nn.Conv2d(h, h, 1)
        self.head1, self.head2 = nn.Conv2d(h, h, 1), nn.Conv2d(h, k, 1)

    @staticmethod
    def gate(x):
        a, b = x.chunk(2, 1)
        return torch.tanh(a) * torch.sigmoid(b)

    def forward(self, x):
        v = h = x
        skip, (rows, columns) = 0, x.shape[2:]
        for i, l in enumerate(self.layers):
            n = l["v"].kernel_size[1] // 2
            va = l["v"](F.pad(v, (n, n, n, 0)))[:, :, :rows]
            z = self.gate(l["h"](F.pad(h, (n, 0)))[:, :, :, :columns] + l["v2h"](va))
            skip = skip + l["skip"](z)
            if "out" in l:
                v, h = self.gate(va), l["out"](z) + (h if i else 0)
        return self.head2(F.relu(self.head1(F.relu(skip))))


CASES = {
    "pixelcnn-grey": ("pixelcnn", PixelCnn, (1, 5, 7, 4), dict(hidden=6, blocks=2, first_kernel=7, kernel=3, position=False)),
    "pixelcnn-rgb": ("pixelcnn", PixelCnn, (3, 4, 5, 3), dict(hidden=7, blocks=1, first_kernel=5, kernel=3, position=False)),
    "pixelcnn-plain-grey": ("pixelcnn-plain", PlainPixelCnn, (1, 6, 5, 5), dict(hidden=5, blocks=2, first_kernel=5, kernel=5, position=False)),
    "gated-pixelcnn-grey": ("gated-pixelcnn", GatedPixelCnn, (1, 5, 6, 4), dict(hidden=4, blocks=3, first_kernel=5, kernel=3, position=False)),
}


def parameters(net, value):
    out = {}
    for name, module in net.named_modules():
        if isinstance(module, MaskedConv2d):
            weight, bias = value(module.weight), value(module.bias)
            out[f"{name}.weight"], out[f"{name}.bias"] = module.live_taps(weight).contiguous(), bias.clone()
        elif isinstance(module, nn.Conv2d):  # every tap is live: (c_out, c_in, h, w) to (h·w, c_in, c_out)
            weight = value(module.weight).permute(2, 3, 1, 0)
            out[f"{name}.weight"] = weight.reshape(-1, *weight.shape[2:]).contiguous()
            out[f"{name}.bias"] = value(module.bias).clone()
    return out


def main():
    for case, (model, kind, (c, h, w, k), config) in CASES.items():
        torch.manual_seed(len(case))
        net = kind(c, k, config["hidden"], config["blocks"], config["first_kernel"], config["kernel"])
        levels = torch.randint(0, k, (2, c, h, w))
        logits = net(levels.float() / (k - 1)).view(2, c, k, h, w).permute(0, 1, 3, 4, 2)  # (B, C, H, W, K)
        loss = F.cross_entropy(logits.reshape(-1, k), levels.flatten(), reduction="sum") / 2  # nats per image
        loss.backward()
        tensors = {"levels": levels.to(torch.int64), "logits": logits.detach().contiguous(), "loss": loss.detach()[None]}
        tensors |= {f"parameter.{n}": t for n, t in parameters(net, lambda p: p.detach()).items()}
        tensors |= {f"gradient.{n}": t for n, t in parameters(net, lambda p: p.grad).items()}
        meta = {"model": model, "config": json.dumps(config), "domain": json.dumps(
            dict(channels=c, height=h, width=w, levels=k)), "torch": torch.__version__}
        path = HERE / f"{case}.safetensors"
        save_file(tensors, path, metadata=meta)
        print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
