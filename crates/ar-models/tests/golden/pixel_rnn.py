import torch
from torch import nn
from torch.nn import functional as F

import layers
from layers import MaskedConv2d


class State(nn.Module):
    """The state-to-state product of an LSTM, written out as loops over pixels; gates i, f, g, o."""

    def __init__(self, taps, h):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(taps, h, 4 * h) / (taps * h) ** 0.5)

    def cell(self, gates, sources, c):
        for weight, source in zip(self.weight, sources):
            gates = gates + source @ weight
        i, f, g, o = gates.chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def zeros(self, gates):
        return gates.new_zeros(gates.shape[0], self.weight.shape[1])


class RowLstm(nn.Module):
    def __init__(self, h, k):
        super().__init__()
        self.i2s, self.s2s, self.k = nn.Conv2d(2 * h, 4 * h, (1, k // 2 + 1)), State(k, h), k

    def forward(self, x):
        gates = self.i2s(F.pad(x, (self.k // 2, 0)))  # to the left and itself
        rows, columns = x.shape[2:]
        zero, n = self.s2s.zeros(gates), self.k // 2
        above = [(zero, zero)] * (columns + 2 * n)
        out = []
        for y in range(rows):
            row = [self.s2s.cell(gates[:, :, y, x], [h for h, _ in above[x:x + self.k]], above[x + n][1])
                   for x in range(columns)]
            above = [(zero, zero)] * n + row + [(zero, zero)] * n
            out.append(torch.stack([h for h, _ in row], -1))
        return torch.stack(out, 2)


class DiagonalLstm(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.i2s, self.s2s = nn.Conv2d(2 * h, 4 * h, 1), State(2, h)

    def forward(self, x):
        gates = self.i2s(x)
        rows, columns = x.shape[2:]
        zero = self.s2s.zeros(gates)
        above, out = [zero] * columns, []
        for y in range(rows):
            h, c, row = zero, zero, []
            for x in range(columns):
                h, c = self.s2s.cell(gates[:, :, y, x], [h, above[x]], c)
                row.append(h)
            above = row
            out.append(torch.stack(row, -1))
        return torch.stack(out, 2)


class DiagonalBilstm(nn.Module):
    def __init__(self, h, _):
        super().__init__()
        self.right, self.left = DiagonalLstm(h), DiagonalLstm(h)

    def forward(self, x):
        left = self.left(x.flip(3)).flip(3)
        return self.right(x) + F.pad(left, (0, 0, 1, 0))[:, :, :-1]  # shifted down a row


class PixelRnn(nn.Module):
    """Grey only."""

    def __init__(self, k, layer, h, layers, first, kernel):
        super().__init__()
        self.first = MaskedConv2d("A", 1, 2 * h, first, 1)
        self.layers = nn.ModuleList(layer(h, kernel) for _ in range(layers))
        for layer in self.layers:
            layer.up = nn.Conv2d(h, 2 * h, 1)
        self.head1, self.head2 = nn.Conv2d(2 * h, 2 * h, 1), nn.Conv2d(2 * h, k, 1)

    def forward(self, x):
        x = self.first(x)
        for layer in self.layers:
            x = x + layer.up(layer(x))
        return self.head2(F.relu(self.head1(F.relu(x))))


def parameters(net, value):
    states = {f"{name}.weight": value(module.weight).clone() for name, module in net.named_modules()
              if isinstance(module, State)}
    return layers.parameters(net, value) | states


def case(variant, layer, domain, **config):
    config |= dict(variant=variant, position=False)
    sizes = [config[f] for f in ("hidden", "layers", "first_kernel", "kernel")]
    return dict(model="pixelrnn", domain=domain, config=config, parameters=parameters,
                net=lambda: PixelRnn(domain[3], layer, *sizes))


CASES = {
    "pixelrnn-row": case("row-lstm", RowLstm, (1, 4, 5, 4), hidden=4, layers=2, first_kernel=5, kernel=3),
    "pixelrnn-diagonal": case("diagonal-bilstm", DiagonalBilstm, (1, 5, 4, 3), hidden=4, layers=2, first_kernel=5,
                              kernel=3),
}
