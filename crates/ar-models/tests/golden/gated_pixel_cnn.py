import torch
from torch import nn
from torch.nn import functional as F

from layers import parameters


class GatedPixelCnn(nn.Module):
    """Grey only: vertical kernels are cropped, horizontal ones padded on the left, as in the peers."""

    def __init__(self, k, h, blocks, first, kernel, classes):
        super().__init__()
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
            if classes:
                self.layers[i]["condition_h"] = nn.Embedding(classes, 2 * h)
                if i + 1 < blocks:
                    self.layers[i]["condition_v"] = nn.Embedding(classes, 2 * h)
        self.head1, self.head2 = nn.Conv2d(h, h, 1), nn.Conv2d(h, k, 1)

    @staticmethod
    def gate(x):
        a, b = x.chunk(2, 1)
        return torch.tanh(a) * torch.sigmoid(b)

    def forward(self, x, condition=None):
        v = h = x
        skip, (rows, columns) = 0, x.shape[2:]
        for i, l in enumerate(self.layers):
            n = l["v"].kernel_size[1] // 2
            va = l["v"](F.pad(v, (n, n, n, 0)))[:, :, :rows]
            ha = l["h"](F.pad(h, (n, 0)))[:, :, :, :columns] + l["v2h"](va)
            if condition is not None:
                ha = ha + l["condition_h"](condition)[:, :, None, None]
                if "condition_v" in l:
                    va = va + l["condition_v"](condition)[:, :, None, None]
            z = self.gate(ha)
            skip = skip + l["skip"](z)
            if "out" in l:
                v, h = self.gate(va), l["out"](z) + (h if i else 0)
        return self.head2(F.relu(self.head1(F.relu(skip))))


def case(domain, classes=0, **config):
    config |= dict(position=False)
    sizes = [config[f] for f in ("hidden", "blocks", "first_kernel", "kernel")]
    return dict(model="gated-pixelcnn", domain=domain, config=config, classes=classes, parameters=parameters,
                net=lambda: GatedPixelCnn(domain[3], *sizes, classes))


CASES = {
    "gated-pixelcnn-grey": case((1, 5, 6, 4), hidden=4, blocks=3, first_kernel=5, kernel=3),
    "gated-pixelcnn-class": case((1, 6, 5, 3), classes=3, hidden=4, blocks=2, first_kernel=5, kernel=3),
}
