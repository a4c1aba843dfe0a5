import torch
from torch import nn


class Rnn(nn.Module):
    """nn.LSTM or nn.GRU over the values of a pixel and then those of the next."""

    def __init__(self, domain, cell, h, layers, embedding):
        super().__init__()
        channels, rows, columns, k = domain
        self.embedding = nn.Embedding(k, embedding)
        self.input = nn.Linear(embedding, h)
        self.rows = nn.Parameter(torch.randn(rows, h) / 4)
        self.columns = nn.Parameter(torch.randn(columns * channels, h) / 4)
        kind = dict(lstm=nn.LSTM, gru=nn.GRU)[cell]
        self.layers = nn.ModuleList(kind(h, h, batch_first=True) for _ in range(layers))
        for layer in self.layers:
            with torch.no_grad():  # Only the GRU's n gate has use for a second bias.
                layer.bias_hh_l0[:None if cell == "lstm" else 2 * h] = 0
        self.head = nn.Linear(h, k)

    def forward(self, x):
        b, c, rows, columns = x.shape
        values = x.permute(0, 2, 3, 1).reshape(b, -1)
        taps = self.embedding(values)
        before = torch.cat([torch.zeros_like(taps[:, :1]), taps[:, :-1]], 1)
        stream = self.input(before) + (self.rows[:, None] + self.columns).flatten(0, 1)
        for layer in self.layers:
            stream = stream + layer(stream)[0]
        logits = self.head(stream).view(b, rows, columns, c, -1)
        return logits.permute(0, 3, 4, 1, 2).reshape(b, -1, rows, columns)


def parameters(net, value):
    h = net.input.out_features
    transposed = lambda p: value(p).T[None].contiguous()
    out = {"embedding.weight": value(net.embedding.weight)[None].clone(),
           "position.rows": value(net.rows).clone(), "position.columns": value(net.columns).clone()}
    for name in ("input", "head"):
        module = getattr(net, name)
        out |= {f"{name}.weight": transposed(module.weight), f"{name}.bias": value(module.bias).clone()}
    for i, layer in enumerate(net.layers):
        name = f"layers.{i}"
        out |= {f"{name}.i2s.weight": transposed(layer.weight_ih_l0), f"{name}.i2s.bias": value(layer.bias_ih_l0).clone(),
                f"{name}.s2s.weight": transposed(layer.weight_hh_l0)}
        if isinstance(layer, nn.GRU):
            out[f"{name}.s2s.bias"] = value(layer.bias_hh_l0)[2 * h:].clone()
    return out


def case(domain, **config):
    sizes = [config[f] for f in ("cell", "hidden", "layers", "embedding")]
    return dict(model="rnn", domain=domain, config=config, integers=True, parameters=parameters,
                net=lambda: Rnn(domain, *sizes))


CASES = {
    "rnn-lstm-rgb": case((3, 2, 3, 4), cell="lstm", hidden=6, layers=1, embedding=3),
    "rnn-lstm-deep": case((1, 4, 5, 3), cell="lstm", hidden=5, layers=2, embedding=4),
    "rnn-gru": case((1, 5, 4, 3), cell="gru", hidden=6, layers=2, embedding=3),
}
