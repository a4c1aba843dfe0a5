import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from layers import logistic_mixture, logistic_numbers


def conv(c_in, c_out, size=1, stride=1):
    return weight_norm(nn.Conv2d(c_in, c_out, size, stride=stride))


def deconv(c_in, c_out, size):
    return weight_norm(nn.ConvTranspose2d(c_in, c_out, size, stride=2), dim=1)  # a length for each output


def above(conv, x):
    """Sees rows above and its own, columns to both sides; with a stride the even pixels do."""
    h, w = conv.kernel_size
    return conv(F.pad(x, (w // 2, w // 2, h - 1, 0)))


def beside(conv, x):
    """Sees rows above and its own, columns to the left and its own."""
    h, w = conv.kernel_size
    return conv(F.pad(x, (w - 1, 0, h - 1, 0)))


def down_shift(x):
    return F.pad(x, (0, 0, 1, 0))[:, :, :-1]


def right_shift(x):
    return F.pad(x, (1, 0))[..., :-1]


def concat_elu(x):
    return F.elu(torch.cat([x, -x], 1))


class GatedResnet(nn.Module):
    def __init__(self, see, size, h, skips, classes):
        super().__init__()
        self.see, self.look, self.out = see, conv(2 * h, h, size), conv(2 * h, 2 * h, size)
        if skips:
            self.skip = conv(2 * skips * h, h)
        if classes:
            self.condition = nn.Embedding(classes, 2 * h)

    def forward(self, x, condition, *skips):
        y = self.see(self.look, concat_elu(x))
        if skips:
            y = y + self.skip(concat_elu(torch.cat(skips, 1)))
        y = self.see(self.out, concat_elu(y))
        if condition is not None:
            y = y + self.condition(condition)[:, :, None, None]
        a, b = y.chunk(2, 1)
        return x + a * torch.sigmoid(b)


class PixelCnnPp(nn.Module):
    def __init__(self, c, h, blocks, numbers, classes):
        super().__init__()
        block = lambda u_skips, ul_skips: nn.ModuleDict({
            "u": GatedResnet(above, (2, 3), h, u_skips, classes),
            "ul": GatedResnet(beside, (2, 2), h, ul_skips, classes)})
        several = lambda n, *skips: nn.ModuleList(block(*skips) for _ in range(n))
        self.u_first, self.ul_above, self.ul_left = (conv(c + 1, h, size) for size in [(2, 3), (1, 3), (2, 1)])
        self.down = nn.ModuleList(several(blocks, 0, 1) for _ in range(3))
        self.u_down, self.ul_down = (nn.ModuleList(conv(h, h, size, 2) for _ in range(2)) for size in [(2, 3), (2, 2)])
        self.up = nn.ModuleList(several(n, 1, 2) for n in [blocks + 1, blocks + 1, blocks])
        self.u_up, self.ul_up = (
            nn.ModuleDict({scale: deconv(h, h, size) for scale in "12"}) for size in [(2, 3), (2, 2)])
        self.head = conv(h, numbers)
        with torch.no_grad():  # not the lengths of the directions, and enough for every layer to matter
            for name, p in self.named_parameters():
                if name.endswith("original0"):
                    p *= 1.2 + torch.rand_like(p)

    def forward(self, x, condition=None):
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)  # tells the image from the padding
        # Shifts before convolutions, not after them: what sees nothing is a bias, not zero.
        u = above(self.u_first, down_shift(x))
        ul = above(self.ul_above, down_shift(x)) + beside(self.ul_left, right_shift(x))
        us, uls = [u], [ul]
        for scale, blocks in enumerate(self.down):
            for block in blocks:
                us.append(block["u"](us[-1], condition))
                uls.append(block["ul"](uls[-1], condition, us[-1]))
            if scale < 2:
                us.append(above(self.u_down[scale], us[-1]))
                uls.append(beside(self.ul_down[scale], uls[-1]))
        u, ul = us.pop(), uls.pop()
        for scale in (2, 1, 0):
            for block in self.up[scale]:
                u = block["u"](u, condition, us.pop())
                ul = block["ul"](ul, condition, u, uls.pop())
            if scale:
                rows, columns = us[-1].shape[2:]  # cropped as in the reference code; odd sides lose one more
                u = self.u_up[str(scale)](u)[:, :, :rows, 1:columns + 1]
                ul = self.ul_up[str(scale)](ul)[:, :, :rows, :columns]
        assert not us and not uls
        return self.head(F.elu(ul))


def parameters(net, value):
    out = {}
    for name, module in net.named_modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            length, direction = module.parametrizations.weight.original0, module.parametrizations.weight.original1
            order = (2, 3, 0, 1) if isinstance(module, nn.ConvTranspose2d) else (2, 3, 1, 0)  # (h, w, c_in, c_out)
            out[f"{name}.weight"] = value(direction).permute(order).flatten(0, 1).contiguous()
            out[f"{name}.gain"], out[f"{name}.bias"] = value(length).flatten().clone(), value(module.bias).clone()
        elif isinstance(module, nn.Embedding):
            out[f"{name}.weight"] = value(module.weight).clone()
    return out


def case(domain, hidden, blocks, components=None, classes=0):
    c, _, _, k = domain
    config = dict(hidden=hidden, blocks=blocks, dropout=0.5, head="logistic" if components else "categorical")
    numbers, own = c * k, {}
    if components:
        config["components"], numbers = components, logistic_numbers(c, components)
        own = dict(shape=(1, numbers), loss=lambda outputs, levels: logistic_mixture(outputs, levels, k))
    return dict(model="pixelcnn-pp", domain=domain, config=config, classes=classes, parameters=parameters,
                net=lambda: PixelCnnPp(c, hidden, blocks, numbers, classes), **own)


CASES = {
    "pixelcnn-pp-grey": case((1, 8, 6, 8), hidden=2, blocks=2, components=3),
    "pixelcnn-pp-rgb": case((3, 4, 6, 5), hidden=3, blocks=1, components=2),
    "pixelcnn-pp-class": case((1, 7, 5, 4), hidden=3, blocks=1, classes=3),
}
