import torch
from torch import nn

from layers import parameters as shared


class Norm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(1 + 0.1 * torch.randn(d))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.q, self.kv, self.c_proj = heads, nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)

    def forward(self, x, hidden=None):
        (b, n, d), h = x.shape, self.heads
        k, v = self.kv(x).chunk(2, -1)
        q, k, v = (t.view(b, n, h, d // h).transpose(1, 2) for t in (self.q(x), k, v))
        scores = q @ k.mT / (d // h) ** 0.5
        hidden = torch.ones(n, n, dtype=torch.bool).triu(1) if hidden is None else hidden
        y = scores.masked_fill(hidden, -torch.inf).softmax(-1) @ v
        return self.c_proj(y.transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x):
        y = self.c_fc(x)
        return self.c_proj(y * torch.sigmoid(1.702 * y))


class ImageGpt(nn.Module):
    """Takes levels as they are; colour as a sequence of sub-pixels, R, G, B."""

    def __init__(self, c, h, w, k, d, heads, layers, classes):
        super().__init__()
        self.wte, self.sos, self.wpe = nn.Embedding(k, d), nn.Embedding(classes or 1, d), nn.Embedding(h * w * c, d)
        self.h = nn.ModuleList(nn.ModuleDict({
            "ln_1": Norm(d), "attn": Attention(d, heads), "ln_2": Norm(d), "mlp": Mlp(d)}) for _ in range(layers))
        self.ln_f, self.head = Norm(d), nn.Linear(d, k)

    def forward(self, levels, condition=None):
        b, c, h, w = levels.shape
        tokens = self.wte(levels.permute(0, 2, 3, 1).reshape(b, -1))
        start = self.sos(torch.zeros(b, dtype=torch.long) if condition is None else condition)
        x = torch.cat([start[:, None], tokens[:, :-1]], 1) + self.wpe.weight
        for block in self.h:
            x = x + block["attn"](block["ln_1"](x))
            x = x + block["mlp"](block["ln_2"](x))
        return self.head(self.ln_f(x)).view(b, h, w, -1).permute(0, 3, 1, 2)  # (B, C * K, H, W)


def parameters(net, value):
    out = shared(net, value)
    if "wte.weight" in out:
        out["wte.weight"] = out["wte.weight"][None]  # of one channel
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            out[f"{name}.weight"] = value(module.weight).T[None].contiguous()
            out[f"{name}.bias"] = value(module.bias).clone()
        elif isinstance(module, Norm):
            out[f"{name}.weight"] = value(module.weight).clone()
    return out


def case(domain, classes=0, **config):
    return dict(model="imagegpt", domain=domain, config=config, classes=classes, integers=True, parameters=parameters,
                net=lambda: ImageGpt(*domain, config["embed"], config["heads"], config["layers"], classes))


CASES = {
    "imagegpt-grey": case((1, 6, 5, 4), embed=8, heads=2, layers=2),
    "imagegpt-class": case((1, 5, 6, 3), classes=3, embed=6, heads=3, layers=2),
    "imagegpt-rgb": case((3, 3, 4, 3), embed=8, heads=1, layers=1),
}
