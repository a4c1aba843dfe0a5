#!/usr/bin/env python3
"""Exports what PyTorch computes for small models: parameters, levels, logits, loss and gradients.

    pip install torch numpy safetensors
    cargo xtask golden            (or: python export.py)

Writes one `<case>.safetensors` of at most 100 KB beside this file, with the model, its
configuration, the domain and the version of PyTorch in its metadata. Parameters are in our layout:
of a masked kernel only the live taps are kept, as (taps, c_in, c_out).

Each model has a file of its own with a dictionary CASES: model, domain (C, H, W, K), config, a
function `net` that makes the network, a function `parameters(net, value)` that gives our names and
layouts, and `classes` where it is conditional, or `conditioning`, as our JSON has it, and `given`, a condition
of two images. A network takes levels scaled to 0..1 (with
`integers=True`: as they are) of shape (B, C, H, W), and the classes if any, and gives logits of
shape (B, C * K, H, W), channel by channel; of two levels one logit, (B, C, H, W). Where P numbers
describe something else, a case has its own `shape`, (C / V, P), of which the network gives the product,
and its own `loss(outputs, levels)` of outputs (B, C / V, H, W, P), in nats per image.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

import gated_pixel_cnn
import image_gpt
import image_transformer
import made
import masked_transformer
import multiscale
import pixel_cnn
import pixel_cnn_pp
import pixel_rnn
import pixel_snail
import rnn
import wavenet

HERE = pathlib.Path(__file__).parent
MODELS = [pixel_cnn, gated_pixel_cnn, pixel_rnn, rnn, wavenet, image_gpt, made, pixel_cnn_pp, multiscale,
          masked_transformer, image_transformer, pixel_snail]


def loss_of_logits(logits, levels):
    if logits.shape[-1] == 1:
        loss = F.binary_cross_entropy_with_logits(logits.flatten(), levels.float().flatten(), reduction="sum")
    else:
        loss = F.cross_entropy(logits.flatten(0, 3), levels.flatten(), reduction="sum")
    return loss / len(levels)  # nats per image


def export(name, case):
    torch.manual_seed(len(name))
    net, (c, h, w, k), classes = case["net"](), case["domain"], case.get("classes", 0)
    levels = torch.randint(0, k, (2, c, h, w))
    inputs = [levels if case.get("integers") else levels.float() / (k - 1)]
    if classes:
        inputs.append(torch.randint(0, classes, (2,)))
    conditioning = case.get("conditioning", {"class": {"classes": classes}} if classes else None)
    if "given" in case:
        inputs.append(case["given"]())
    groups, p = case.get("shape", (c, 1 if k == 2 else k))
    logits = net(*inputs).view(2, groups, p, h, w).permute(0, 1, 3, 4, 2)  # (B, C / V, H, W, P)
    loss = case.get("loss", loss_of_logits)(logits, levels)
    loss.backward()
    tensors = {"levels": levels.to(torch.int64), "logits": logits.detach().contiguous(),
               "loss": loss.detach().float()[None]}
    tensors |= {f"parameter.{n}": t for n, t in case["parameters"](net, lambda p: p.detach()).items()}
    tensors |= {f"gradient.{n}": t for n, t in case["parameters"](net, lambda p: p.grad).items()}
    meta = {"model": case["model"], "config": json.dumps(case["config"]), "domain": json.dumps(
        dict(channels=c, height=h, width=w, levels=k)), "torch": torch.__version__}
    if conditioning:
        tensors["condition"] = inputs[1]
        meta["conditioning"] = json.dumps(conditioning)
    path = HERE / f"{name}.safetensors"
    save_file(tensors, path, metadata=meta)
    print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    for model in MODELS:
        for name, case in model.CASES.items():
            export(name, case)
