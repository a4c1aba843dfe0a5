import torch
from torch import nn
from torch.nn import functional as F

from layers import parameters


class WaveNet(nn.Module):
    """Grey only: the image as one sequence, convolutions of two taps padded on the left."""

    def __init__(self, k, h, skip, dilations, classes):
        super().__init__()
        conv = lambda a, b, taps=1, dilation=1: nn.Conv2d(a, b, (1, taps), dilation=(1, dilation))
        self.first, self.layers = conv(1, h), nn.ModuleList()
        for i, dilation in enumerate(dilations):
            layer = {"look": conv(h, 2 * h, 2, dilation), "skip": conv(h, skip)}
            if i + 1 < len(dilations):
                layer["out"] = conv(h, h)
            if classes:
                layer["condition"] = nn.Embedding(classes, 2 * h)
            self.layers.append(nn.ModuleDict(layer))
        self.head1, self.head2 = conv(skip, skip), conv(skip, k)

    def forward(self, x, condition=None):
        shape = x.shape
        x = x.flatten(2)[:, :, None]  # (B, 1, 1, n)
        h, total = self.first(F.pad(x, (1, 0))[..., :-1]), 0
        for layer in self.layers:
            y = layer["look"](F.pad(h, (layer["look"].dilation[1], 0)))
            if condition is not None:
                y = y + layer["condition"](condition)[:, :, None, None]
            a, b = y.chunk(2, 1)
            z = torch.tanh(a) * torch.sigmoid(b)
            total = total + layer["skip"](z)
            h = h + layer["out"](z) if "out" in layer else h
        y = self.head2(F.relu(self.head1(F.relu(total))))
        return y.reshape(shape[0], -1, *shape[2:])


def case(domain, classes=0, stacks=1, **config):
    config |= dict(stacks=stacks, position=False)
    dilations = [2 ** i for i in range(config["max_dilation"].bit_length())] * stacks
    return dict(model="wavenet", domain=domain, config=config, classes=classes, parameters=parameters,
                net=lambda: WaveNet(domain[3], config["hidden"], config["skip"], dilations, classes))


CASES = {
    "wavenet-grey": case((1, 5, 7, 4), hidden=5, skip=6, max_dilation=8),
    "wavenet-class": case((1, 4, 6, 3), classes=3, stacks=2, hidden=4, skip=5, max_dilation=4),
}
