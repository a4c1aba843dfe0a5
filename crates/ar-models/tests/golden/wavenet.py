import torch
from torch import nn
from torch.nn import functional as F

from layers import parameters


class WaveNet(nn.Module):
    """Grey only: the image as one sequence, convolutions of two taps padded on the left. `kinds` are the sizes of
    two classes at once, `local` the features of a map and how often its rate is doubled."""

    def __init__(self, k, h, skip, dilations, classes=0, kinds=None, local=None):
        super().__init__()
        self.kinds, self.local = kinds, local
        if local:
            up = lambda f: nn.ConvTranspose1d(f, h, 2, stride=2)
            self.condition = nn.ModuleList(up(h if i else local[0]) for i in range(local[1]))
        conv = lambda a, b, taps=1, dilation=1: nn.Conv2d(a, b, (1, taps), dilation=(1, dilation))
        self.first, self.layers = conv(1, h), nn.ModuleList()
        for i, dilation in enumerate(dilations):
            layer = {"look": conv(h, 2 * h, 2, dilation), "skip": conv(h, skip)}
            if i + 1 < len(dilations):
                layer["out"] = conv(h, h)
            if classes or kinds:
                layer["condition"] = nn.Embedding(classes or sum(kinds), 2 * h)
            if local:
                layer["condition"] = nn.Linear(h, 2 * h, bias=False)
            self.layers.append(nn.ModuleDict(layer))
        self.head1, self.head2 = conv(skip, skip), conv(skip, k)

    def added(self, layer, condition):
        if self.local:  # (B, h, 1, n)
            return layer["condition"](condition.mT).mT[:, :, None]
        if self.kinds:
            first, second = condition // self.kinds[1], condition % self.kinds[1]
            own = layer["condition"](first) + layer["condition"](self.kinds[0] + second)
        else:
            own = layer["condition"](condition)
        return own[:, :, None, None]

    def upsampled(self, condition, n):
        """(B, f, 1, ceil(n / 2^k)) to (B, h, n)."""
        sizes = [n]
        for _ in self.condition:
            sizes.insert(0, -(-sizes[0] // 2))
        x = condition[:, :, 0]
        for up, size in zip(self.condition, sizes[1:]):
            x = up(x)[..., :size]
        return x

    def forward(self, x, condition=None):
        shape = x.shape
        x = x.flatten(2)[:, :, None]  # (B, 1, 1, n)
        if self.local:
            condition = self.upsampled(condition, x.shape[-1])
        h, total = self.first(F.pad(x, (1, 0))[..., :-1]), 0
        for layer in self.layers:
            y = layer["look"](F.pad(h, (layer["look"].dilation[1], 0)))
            if condition is not None:
                y = y + self.added(layer, condition)
            a, b = y.chunk(2, 1)
            z = torch.tanh(a) * torch.sigmoid(b)
            total = total + layer["skip"](z)
            h = h + layer["out"](z) if "out" in layer else h
        y = self.head2(F.relu(self.head1(F.relu(total))))
        return y.reshape(shape[0], -1, *shape[2:])


def ours(net, value):
    out = parameters(net, value)
    for name, module in net.named_modules():
        if isinstance(module, nn.ConvTranspose1d):  # (c_in, c_out, taps) to (taps, c_in, c_out)
            out[f"{name}.weight"] = value(module.weight).permute(2, 0, 1).contiguous()
            out[f"{name}.bias"] = value(module.bias).clone()
        elif isinstance(module, nn.Linear):
            out[f"{name}.weight"] = value(module.weight).T.contiguous()
    return out


def case(domain, classes=0, kinds=None, local=None, stacks=1, **config):
    config |= dict(stacks=stacks, position=False)
    dilations = [2 ** i for i in range(config["max_dilation"].bit_length())] * stacks
    given = {}
    if kinds:
        given = dict(conditioning={"classes": {"of": kinds}}, given=lambda: torch.tensor([1, kinds[0] * kinds[1] - 1]))
    if local:
        features, every = local[0], 2 ** local[1]
        sizes = [-(-side // every) for side in domain[1:3]]
        given = dict(conditioning={"map": {"features": features, "every": every}},
                     given=lambda: torch.randn(2, features, *sizes))
    return given | dict(
        model="wavenet", domain=domain, config=config, classes=classes, parameters=ours,
        net=lambda: WaveNet(domain[3], config["hidden"], config["skip"], dilations, classes, kinds, local))


CASES = {
    "wavenet-grey": case((1, 5, 7, 4), hidden=5, skip=6, max_dilation=8),
    "wavenet-class": case((1, 4, 6, 3), classes=3, stacks=2, hidden=4, skip=5, max_dilation=4),
    "wavenet-kinds": case((1, 3, 5, 3), kinds=[2, 3], hidden=4, skip=5, max_dilation=4),
    "wavenet-local": case((1, 1, 13, 3), local=(2, 2), hidden=4, skip=5, max_dilation=4),
}
