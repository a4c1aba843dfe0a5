from torch import nn
from torch.nn import functional as F

from layers import MaskedConv2d, parameters


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


def case(model, kind, domain, **config):
    config |= dict(position=False)
    sizes = [config[f] for f in ("hidden", "blocks", "first_kernel", "kernel")]
    return dict(model=model, domain=domain, config=config, parameters=parameters,
                net=lambda: kind(domain[0], domain[3], *sizes))


CASES = {
    "pixelcnn-grey": case("pixelcnn", PixelCnn, (1, 5, 7, 4), hidden=6, blocks=2, first_kernel=7, kernel=3),
    "pixelcnn-rgb": case("pixelcnn", PixelCnn, (3, 4, 5, 3), hidden=7, blocks=1, first_kernel=5, kernel=3),
    "pixelcnn-plain-grey": case("pixelcnn-plain", PlainPixelCnn, (1, 6, 5, 5), hidden=5, blocks=2, first_kernel=5, kernel=5),
}
