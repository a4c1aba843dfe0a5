import math

import torch
from torch import nn
from torch.nn import functional as F

from image_gpt import Attention, Norm
from image_gpt import parameters as shared
from layers import logistic_mixture, logistic_numbers


def sines(d, h, w, c):
    """Row, column and channel in turn, (h * w * c, d); periods of rows and columns run from 4 to 256."""
    axes = [(torch.arange(h * w * c) // (w * c), 64), (torch.arange(h * w * c) // c % w, 64)]
    axes += [(torch.arange(h * w * c) % c, c)] if c > 1 else []
    table = torch.zeros(h * w * c, d)
    for pair in range(d // 2):
        place, longest = axes[pair % len(axes)]
        waves = len(range(pair % len(axes), d // 2, len(axes)))
        period = 4 * longest ** (pair // len(axes) / max(waves - 1, 1))
        angle = 2 * math.pi * place.double() / period
        table[:, 2 * pair], table[:, 2 * pair + 1] = (math.sqrt(2) * f(angle) for f in (torch.sin, torch.cos))
    return table


def seen_1d(n, block, memory):
    """Which site reads which, in raster order; as a mask and the order."""
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    return (j <= i) & (j >= i // block * block - memory), torch.arange(n)


def seen_2d(h, w, c, block, memory):
    sites = [(y, x, z) for y in range(h) for x in range(w) for z in range(c)]
    corner = lambda s: (s[0] // block[0] * block[0], s[1] // block[1] * block[1])
    order = sorted(range(len(sites)), key=lambda i: (corner(sites[i]), sites[i]))
    rank = {site: r for r, site in enumerate(order)}

    def near(query, key):
        return all(top - m <= v < top + b + m for top, v, b, m in zip(corner(query), key, block, memory))

    mask = [[rank[j] <= rank[i] and near(a, b) for j, b in enumerate(sites)] for i, a in enumerate(sites)]
    return torch.tensor(mask), torch.tensor(order)


class Relu(nn.Module):
    def __init__(self, d, inner):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(d, inner), nn.Linear(inner, d)

    def forward(self, x):
        return self.c_proj(F.relu(self.c_fc(x)))


class ImageTransformer(nn.Module):
    """Takes levels as they are, or scaled where `mixture` numbers describe a pixel."""

    def __init__(self, domain, config, classes, mixture):
        super().__init__()
        (c, h, w, k), d, self.mixture = domain, config["embed"], mixture
        sub = 1 if mixture else c
        self.values = nn.Linear(c, d) if mixture else nn.Embedding(k, d)
        self.start, (block, memory) = nn.Embedding(classes or 1, d), (config["block"], config["memory"])
        if classes:
            self.condition = nn.Embedding(classes, d)
        self.learned = config.get("coordinates") == "learned"
        self.coordinates = nn.Embedding(h * w * sub, d) if self.learned else sines(d, h, w, sub)
        seen, self.order = (seen_1d(h * w * sub, block[0], memory[0]) if len(block) == 1
                            else seen_2d(h, w, sub, block, memory))
        self.hidden = ~seen
        self.h = nn.ModuleList(nn.ModuleDict({
            "ln_1": Norm(d), "attn": Attention(d, config["heads"]), "ln_2": Norm(d),
            "mlp": Relu(d, config["perceptron"])}) for _ in range(config["layers"]))
        self.ln_f, self.head = Norm(d), nn.Linear(d, mixture or k)

    def forward(self, levels, condition=None):
        b, c, h, w = levels.shape
        x = levels.permute(0, 2, 3, 1)
        x = self.values(x.reshape(b, h * w, c) if self.mixture else x.reshape(b, -1))
        start = self.start(torch.zeros(b, dtype=torch.long) if condition is None else condition)
        before = torch.empty_like(x)
        before[:, self.order[1:]], before[:, self.order[0]] = x[:, self.order[:-1]], start
        x = before + (self.coordinates.weight if self.learned else self.coordinates)
        if condition is not None:
            x = x + self.condition(condition)[:, None]
        for block in self.h:
            x = x + block["attn"](block["ln_1"](x), self.hidden)
            x = x + block["mlp"](block["ln_2"](x))
        return self.head(self.ln_f(x)).view(b, h, w, -1).permute(0, 3, 1, 2)


def parameters(net, value):
    out = shared(net, value)
    if isinstance(net.values, nn.Embedding):
        out["values.weight"] = out["values.weight"][None]  # of one channel
    return out


def case(domain, classes=0, components=None, **config):
    own, mixture = {}, None
    if components:
        mixture = logistic_numbers(domain[0], components)
        own = dict(shape=(1, mixture), loss=lambda outputs, levels: logistic_mixture(outputs, levels, domain[3]))
        config |= dict(head="logistic", components=components)
    return dict(model="image-transformer", domain=domain, config=config, classes=classes, integers=not components,
                parameters=parameters, net=lambda: ImageTransformer(domain, config, classes, mixture), **own)


CASES = {
    "image-transformer-1d": case((3, 3, 4, 3), embed=8, perceptron=6, heads=2, layers=2, block=[5], memory=[4]),
    "image-transformer-2d": case((3, 5, 4, 3), classes=3, embed=6, perceptron=10, heads=3, layers=2, block=[2, 3],
                                 memory=[1, 2]),
    "image-transformer-mixture": case((3, 5, 5, 6), components=2, embed=6, perceptron=8, heads=1, layers=2,
                                      block=[3, 2], memory=[2, 1], coordinates="learned"),
}
