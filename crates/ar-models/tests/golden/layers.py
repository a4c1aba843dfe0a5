"""What the models' definitions share."""
import torch
from torch import nn


class MaskedConv2d(nn.Conv2d):
    """A masked convolution over channels that are generated one after the other, in `groups`."""

    def __init__(self, kind, c_in, c_out, k, groups):
        super().__init__(c_in, c_out, k, padding=k // 2)
        mask = torch.ones(c_out, c_in, k, k)
        mask[:, :, k // 2, k // 2 + 1:] = 0
        mask[:, :, k // 2 + 1:] = 0
        group = lambda c: torch.tensor([next(g for g in range(groups) if i < (g + 1) * c // groups) for i in range(c)])
        to, source = group(c_out)[:, None], group(c_in)[None]
        mask[:, :, k // 2, k // 2] = ((source < to) if kind == "A" else (source <= to)).float()
        self.register_buffer("mask", mask)
        self.live = [(y, x) for y in range(k) for x in range(k) if mask[:, :, y, x].any()]

    def forward(self, x):
        return self._conv_forward(x, self.weight * self.mask, self.bias)

    def live_taps(self, weight):
        return torch.stack([(weight * self.mask)[:, :, y, x].T for y, x in self.live])


def parameters(net, value):
    """Our names and layouts of what `value` takes from each parameter."""
    out = {}
    for name, module in net.named_modules():
        if isinstance(module, MaskedConv2d):
            weight, bias = value(module.weight), value(module.bias)
            out[f"{name}.weight"], out[f"{name}.bias"] = module.live_taps(weight).contiguous(), bias.clone()
        elif isinstance(module, nn.Conv2d):  # every tap is live: (c_out, c_in, h, w) to (h·w, c_in, c_out)
            weight = value(module.weight).permute(2, 3, 1, 0)
            out[f"{name}.weight"] = weight.reshape(-1, *weight.shape[2:]).contiguous()
            out[f"{name}.bias"] = value(module.bias).clone()
        elif isinstance(module, nn.Embedding):
            out[f"{name}.weight"] = value(module.weight).clone()
    return out


def logistic_numbers(c, components):
    """Of each component a logit; of each channel a mean and a log-scale; of each pair of channels a coefficient."""
    return components * (1 + 2 * c + c * (c - 1) // 2)


def logistic_mixture(numbers, levels, k):
    """Nats per image of a mixture of discretized logistics (arXiv:1701.05517, equations 2 and 3): `numbers`
    (B, 1, H, W, P), levels (B, C, H, W). In double, as differences of sigmoids lose digits."""
    b, c = levels.shape[:2]
    logits, *parts = numbers[:, 0].double().unflatten(-1, (logistic_numbers(c, 1), -1)).unbind(-2)
    own, pulls = parts[:2 * c], iter(parts[2 * c:])  # mean, log-scale of R, G, B; on G of R, on B of R, of G
    levels, half = levels[..., None], 1 / (k - 1)
    x = 2 * half * levels.double() - 1  # (B, C, H, W, 1)
    log_p = logits.log_softmax(-1)
    for i in range(c):
        mean, scale = own[2 * i], own[2 * i + 1].clamp(min=-7).exp()
        for j in range(i):
            mean = mean + torch.tanh(next(pulls)) * x[:, j]
        below = lambda edge: torch.sigmoid((edge - mean) / scale)
        to = torch.where(levels[:, i] == k - 1, 1, below(x[:, i] + half))
        log_p = log_p + torch.log(to - torch.where(levels[:, i] == 0, 0, below(x[:, i] - half)))
    return -log_p.logsumexp(-1).sum() / b
