import torch
from torch import nn
from torch.nn import functional as F

from layers import logistic_mixture, logistic_numbers
from pixel_cnn_pp import GatedResnet, above, beside, conv, down_shift, parameters, right_shift


def grow(net):
    with torch.no_grad():  # not the lengths of the directions, and enough for every layer to matter
        for name, p in net.named_parameters():
            if name.endswith("original0"):
                p *= 1.2 + torch.rand_like(p)


def nin(layer, x):
    return layer(x)


class Block(nn.Module):
    def __init__(self, c, h, residuals, keys, values, classes):
        super().__init__()
        self.residuals = nn.ModuleList(GatedResnet(beside, (2, 2), h, 0, classes) for _ in range(residuals))
        self.content, self.query = (GatedResnet(nin, 1, n, 0, classes) for n in (c + h + 2, h + 2))
        self.kv, self.q = conv(c + h + 2, keys + values), conv(h + 2, keys)
        self.mix = GatedResnet(nin, 1, h, 0, classes)
        self.mix.skip = conv(2 * values, h)

    def forward(self, x, ul, place, heads, condition):
        for residual in self.residuals:
            ul = residual(ul, condition)
        q = self.q(self.query(torch.cat([ul, place], 1), condition))
        keys = q.shape[1]
        kv = self.kv(self.content(torch.cat([x, ul, place], 1), condition))
        k, v = kv[:, :keys], kv[:, keys:]
        (b, _, h, w), by_head = v.shape, lambda t: t.flatten(2).unflatten(1, (heads, -1)).mT  # (B, heads, n, d)
        scores = by_head(q) @ by_head(k).mT / (keys // heads) ** 0.5
        before = torch.ones(h * w, h * w).tril(-1)
        weights = torch.exp(scores - scores.amax(-1, keepdim=True).detach()) * before
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
        found = (weights @ by_head(v)).mT.flatten(1, 2).view(b, -1, h, w)
        return self.mix(ul, condition, found)


class PixelSnail(nn.Module):
    def __init__(self, c, h, blocks, residuals, keys, values, heads, numbers, classes):
        super().__init__()
        self.above, self.left, self.heads = conv(c + 1, h, (1, 3)), conv(c + 1, h, (2, 1)), heads
        self.blocks = nn.ModuleList(Block(c, h, residuals, keys, values, classes) for _ in range(blocks))
        self.head = conv(h, numbers)
        grow(self)

    def forward(self, x, condition=None):
        b, _, h, w = x.shape
        rows = ((torch.arange(h) - h / 2) / h)[:, None].expand(h, w)
        columns = ((torch.arange(w) - w / 2) / w)[None].expand(h, w)
        place = torch.stack([rows, columns]).expand(b, 2, h, w)
        padded = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        ul = above(self.above, down_shift(padded)) + beside(self.left, right_shift(padded))
        for block in self.blocks:
            ul = block(x, ul, place, self.heads, condition)
        return self.head(F.elu(ul))


def case(domain, components=None, classes=0, **config):
    c, k = domain[0], domain[3]
    numbers, own = c * k, {}
    if components:
        numbers = logistic_numbers(c, components)
        own = dict(shape=(1, numbers), loss=lambda outputs, levels: logistic_mixture(outputs, levels, k))
    sizes = [config[f] for f in ("hidden", "blocks", "residuals", "keys", "values", "heads")]
    config |= dict(head="logistic", components=components) if components else dict(head="categorical")
    return dict(model="pixelsnail", domain=domain, config=config | dict(dropout=0.5), classes=classes,
                parameters=parameters, net=lambda: PixelSnail(c, *sizes, numbers, classes), **own)


CASES = {
    "pixelsnail-grey": case((1, 5, 6, 8), 3, hidden=4, blocks=2, residuals=1, keys=2, values=3, heads=1),
    "pixelsnail-rgb": case((3, 4, 5, 5), 2, hidden=3, blocks=1, residuals=2, keys=4, values=6, heads=2),
    "pixelsnail-class": case((1, 5, 4, 4), classes=3, hidden=4, blocks=1, residuals=1, keys=3, values=2, heads=1),
}
