import torch
from torch import nn

from image_gpt import Attention, Mlp, Norm, parameters


def s_curve(h, w):
    pixels = torch.arange(h * w).view(h, w)
    pixels[1::2] = pixels[1::2].flip(1)
    return pixels.flatten()


def s_curve_transposed(h, w):
    """Column by column: that of the transposed image, as pixels of the image."""
    return torch.arange(h * w).view(h, w).T.flatten()[s_curve(w, h)]


class MaskedTransformer(nn.Module):
    """Takes levels as they are; a sequence of sub-pixels, the pixels in `order` and R, G, B of each."""

    def __init__(self, domain, order, d, heads, layers, classes):
        super().__init__()
        (c, h, w, k), self.order = domain, order(*domain[1:3])
        n = h * w * c
        self.wte, self.sos = nn.Embedding(k, d), nn.Embedding(classes or 1, d)
        self.before, self.target = nn.Embedding(n, d), nn.Embedding(n, d)
        self.h = nn.ModuleList(nn.ModuleDict({
            "ln_1": Norm(d), "target": nn.Embedding(n, d), "attn": Attention(d, heads), "ln_2": Norm(d),
            "mlp": Mlp(d)}) for _ in range(layers))
        self.ln_f, self.head = Norm(d), nn.Linear(d, k)

    def forward(self, levels, condition=None):
        b, c, h, w = levels.shape
        tokens = levels.flatten(2)[:, :, self.order].mT.flatten(1)  # (B, H·W·C) as they are drawn
        places = (self.order[:, None] * c + torch.arange(c)).flatten()
        start = self.sos(torch.zeros(b, dtype=torch.long) if condition is None else condition)
        x = self.wte(tokens) + self.before(places)
        x = torch.cat([start[:, None], x[:, :-1]], 1) + self.target(places)
        for block in self.h:
            x = x + block["attn"](block["ln_1"](x) + block["target"](places))
            x = x + block["mlp"](block["ln_2"](x))
        drawn = self.head(self.ln_f(x)).view(b, h * w, c, -1)
        logits = torch.empty_like(drawn)
        logits[:, self.order] = drawn
        return logits.view(b, h, w, -1).permute(0, 3, 1, 2)  # (B, C * K, H, W)


def case(domain, name, order, orders, classes=0, **config):
    """Of several orders the first: it is what is trained in the first step."""
    sizes = [config[f] for f in ("embed", "heads", "layers")]
    return dict(model="masked-transformer", domain=domain, config=config | dict(order=name, orders=orders),
                classes=classes, integers=True, parameters=parameters,
                net=lambda: MaskedTransformer(domain, order, *sizes, classes))


CASES = {
    "masked-transformer-grey": case((1, 5, 6, 4), "s-curve", s_curve, 1, embed=8, heads=2, layers=2),
    "masked-transformer-orders": case((3, 3, 4, 3), "s-curve+transpose", s_curve_transposed, 2, classes=3, embed=6,
                                      heads=3, layers=1),
}
