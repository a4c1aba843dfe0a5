import torch
from torch import nn
from torch.nn import functional as F


class MaskedLinear(nn.Linear):
    """`source` and `target`: after how many values each unit is known, or before which it is needed."""

    def __init__(self, source, target, bias=True):
        super().__init__(len(source), len(target), bias)
        self.register_buffer("mask", (source[None] <= target[:, None]).float())

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)


class Made(nn.Module):
    """Natural order, a pixel's channels one after the other; degrees 1, 2, .. D - 1 and again from 1."""

    def __init__(self, domain, hidden, direct, one_hot, classes):
        super().__init__()
        c, h, w, k = self.domain = domain
        self.one_hot, p = one_hot, 1 if k == 2 else k
        rank = (torch.arange(h * w)[None] * c + torch.arange(c)[:, None]).flatten()  # of each value of (C, H, W)
        inputs, outputs = (rank + 1).repeat_interleave(k if one_hot else 1), rank.repeat_interleave(p)
        degrees = [inputs] + [1 + torch.arange(n) % (c * h * w - 1) for n in hidden]
        self.layers = nn.ModuleList(MaskedLinear(a, b) for a, b in zip(degrees, degrees[1:]))
        self.output = MaskedLinear(degrees[-1], outputs)
        self.direct = MaskedLinear(inputs, outputs, bias=False) if direct else None
        self.conditions = nn.ModuleList(
            nn.Embedding(classes, n) for n in [*hidden, len(outputs)]) if classes else [None] * (len(hidden) + 1)

    def forward(self, x, condition=None):
        c, h, w, k = self.domain
        x = x.flatten(1)
        y = x = F.one_hot(x, k).float().flatten(1) if self.one_hot else x
        added = [0 if e is None else e(condition) for e in self.conditions]
        for layer, a in zip(self.layers, added):
            y = F.relu(layer(y) + a)
        y = self.output(y) + added[-1]
        if self.direct is not None:
            y = y + self.direct(x)
        return y.view(-1, c, h, w, y.shape[1] // (c * h * w)).permute(0, 1, 4, 2, 3).flatten(1, 2)

    def parameters_by_name(self, value):
        layers = {f"layers.{i}": l for i, l in enumerate(self.layers)} | {"output": self.output}
        out = {f"{name}.bias": value(l.bias).clone() for name, l in layers.items()}
        for (name, _), e in zip(layers.items(), self.conditions):
            if e is not None:
                out[f"{name}.condition.weight"] = value(e.weight).clone()
        layers |= {"direct": self.direct} if self.direct is not None else {}
        return out | {f"{name}.weight": value(l.weight).T.contiguous() for name, l in layers.items()}


def case(domain, hidden, direct, one_hot=False, classes=0):
    config = dict(hidden=hidden, direct=direct, degrees="cyclic", input="one-hot" if one_hot else "scaled")
    return dict(model="made", domain=domain, config=config, integers=one_hot, classes=classes,
                net=lambda: Made(domain, hidden, direct, one_hot, classes),
                parameters=lambda net, value: net.parameters_by_name(value))


CASES = {
    "made-binary": case((1, 4, 5, 2), [25], direct=False),
    "made-deep": case((1, 3, 4, 3), [17, 14], direct=True, one_hot=True),
    "made-class": case((3, 2, 3, 4), [21, 19], direct=True, classes=3),
}
