import torch
from torch import nn
from torch.nn import functional as F

import layers
from layers import logistic_mixture, logistic_numbers


def coarse_to_fine(h, w):
    """Of each pixel: in which step it is drawn, and how far apart lie the pixels that are known by then."""
    distance = 1
    while max(h, w) > 4 * distance:
        distance *= 2
    steps, distances = torch.zeros(h, w, dtype=torch.long), torch.full((h, w), distance)
    coarsest = steps[::distance, ::distance]
    step = coarsest.numel()
    coarsest[:] = torch.arange(step).view_as(coarsest)
    while distance > 1:
        twice, distance = distance, distance // 2
        for y, x in [(distance, distance), (0, distance), (distance, 0)]:
            if steps[y::twice, x::twice].numel():
                steps[y::twice, x::twice], distances[y::twice, x::twice] = step, distance
                step += 1
    return steps, distances


def subscale(s, h, w):
    """Likewise, in interleaved slices; only the pixels of the first have none but distant neighbours."""
    steps, distances, first = torch.zeros(h, w, dtype=torch.long), torch.ones(h, w, dtype=torch.long), 0
    for y in range(s):
        for x in range(s):
            part = steps[y::s, x::s]
            part[:] = first + torch.arange(part.numel()).view_as(part)
            first += part.numel()
    distances[::s, ::s] = s
    return steps, distances


class KnownConv2d(nn.Conv2d):
    """Step by step a convolution, as dilated as the known pixels are distant, over an image in which all
    others are zero; with `own`, a pixel is known to itself."""

    def __init__(self, c_in, c_out, k, order, own):
        super().__init__(c_in, c_out, k)
        (self.steps, self.distances), self.own = order, own
        self.register_buffer("around", torch.ones(k, k))
        self.around[k // 2, k // 2] = 0

    def forward(self, x):
        n = self.kernel_size[0] // 2
        y = F.conv2d(x, self.weight[:, :, n:n + 1, n:n + 1] * self.own, self.bias)
        for step in range(self.steps.max() + 1):
            known, here = self.steps < step, self.steps == step
            distance = int(self.distances[here].unique())
            y = y + here * F.conv2d(x * known, self.weight * self.around, padding=n * distance, dilation=distance)
        return y


class Position(nn.Module):
    def __init__(self, rows, columns, h):
        super().__init__()
        self.rows, self.columns = nn.Parameter(torch.randn(rows, h) / 4), nn.Parameter(torch.randn(columns, h) / 4)

    def forward(self, x):
        return x + self.rows.T[:, :, None] + self.columns.T[:, None]


class Multiscale(nn.Module):
    def __init__(self, domain, order, h, known, predicted, k, numbers, classes):
        super().__init__()
        c, rows, columns, _ = domain
        look = lambda c_in, own=True: KnownConv2d(c_in, h, k, order, own)
        residual = lambda: nn.ModuleDict({"look": look(h), "out": nn.Conv2d(h, h, 1)})
        self.first, self.position = look(c + 1), Position(rows, columns, h)
        self.known = nn.ModuleList(residual() for _ in range(known))
        self.between, self.between_position = look(h, own=False), Position(rows, columns, h)
        self.predicted = nn.ModuleList(residual() for _ in range(predicted))
        if classes:
            for layer in self.predicted:
                layer["condition"] = nn.Embedding(classes, h)
        self.head = nn.Conv2d(h, numbers, 1)

    def forward(self, x, condition=None):
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)  # tells black from unknown
        x = self.position(self.first(x))
        for layer in self.known:
            x = x + layer["out"](F.elu(layer["look"](F.elu(x))))
        x = self.between_position(self.between(F.elu(x)))
        for layer in self.predicted:
            y = x if condition is None else x + layer["condition"](condition)[:, :, None, None]
            x = x + layer["out"](F.elu(layer["look"](F.elu(y))))
        return self.head(F.elu(x))


def parameters(net, value):
    out = layers.parameters(net, value)
    for name, module in net.named_modules():
        if isinstance(module, KnownConv2d) and not module.own:
            out[f"{name}.weight"] = out[f"{name}.weight"][module.around.flatten() == 1].contiguous()
        elif isinstance(module, Position):
            out |= {f"{name}.rows": value(module.rows).clone(), f"{name}.columns": value(module.columns).clone()}
    return out


def case(domain, name, order, classes=0, **config):
    c, h, w, k = domain
    sizes, numbers, own = [config[f] for f in ("hidden", "known", "predicted", "kernel")], k, {}
    if c > 1:
        numbers = logistic_numbers(c, config["components"])
        own = dict(shape=(1, numbers), loss=lambda outputs, levels: logistic_mixture(outputs, levels, k))
    return dict(model="multiscale", domain=domain, config=config | dict(order=name, orders=1), classes=classes,
                parameters=parameters, net=lambda: Multiscale(domain, order(h, w), *sizes, numbers, classes), **own)


CASES = {
    "multiscale-grey": case((1, 9, 6, 4), "coarse-to-fine", coarse_to_fine, hidden=5, known=2, predicted=2, kernel=3),
    "multiscale-subscale": case((1, 5, 6, 3), "subscale:2", lambda h, w: subscale(2, h, w), classes=3, hidden=4,
                                known=1, predicted=1, kernel=5),
    "multiscale-rgb": case((3, 8, 8, 5), "coarse-to-fine", coarse_to_fine, hidden=4, known=1, predicted=2, kernel=5,
                           components=2),
}
