"""A VAE in PyTorch, as fast as PyTorch makes it on a CPU: the peer of the cases of `npm run bench` that time a step.

Answers the questions of pytorch_peer.py; a step is fetch, binarize, noise, forward, backward, Adam.

usage: pytorch_vae.py THREADS PIXELS MODEL
  PIXELS  file of grey levels, uint8, each example (height, width, channels)
  MODEL   JSON: {"event": [height, width, channels], "batch", "latent", "hidden": [widths], "activation",
          "layers": [[channels, kernel, stride, padding] of each convolution], "binarize": true or false};
          the decoder is the encoder's mirror
"""
import json
import sys

import torch
import torch.nn.functional as F
from torch import nn

from pytorch_peer import combinations, read, serve, timed


class Bias(nn.Module):
    """One number for each pixel."""

    def __init__(self, shape):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return x + self.bias


class Vae(nn.Module):
    def __init__(self, spec):
        super().__init__()
        height, width, channels = spec["event"]
        activation = {"relu": lambda: nn.ReLU(inplace=True), "tanh": nn.Tanh}[spec["activation"]]
        maps = [(channels, height, width)]
        encoder = []
        for outputs, kernel, stride, padding in spec["layers"]:
            inputs, rows, columns = maps[-1]
            encoder += [nn.Conv2d(inputs, outputs, kernel, stride, padding), activation()]
            maps.append((outputs, *((side + 2 * padding - kernel) // stride + 1 for side in (rows, columns))))
        smallest = maps[-1][0] * maps[-1][1] * maps[-1][2]
        widths = [smallest, *spec["hidden"]]
        if spec["layers"]:
            encoder.append(nn.Flatten())
        for inputs, outputs in zip(widths, widths[1:]):
            encoder += [nn.Linear(inputs, outputs), activation()]
        self.encoder = nn.Sequential(*encoder)
        self.posterior = nn.Linear(widths[-1], 2 * spec["latent"])  # both heads in one product
        decoder = []
        back = [spec["latent"], *reversed(spec["hidden"])]
        for inputs, outputs in zip(back, back[1:]):
            decoder += [nn.Linear(inputs, outputs), activation()]
        if spec["layers"]:
            decoder += [nn.Linear(back[-1], smallest), activation(), nn.Unflatten(1, maps[-1])]
            for i, (_, kernel, stride, padding) in reversed(list(enumerate(spec["layers"]))):
                inputs, outputs = maps[i + 1][0], maps[i][0]
                decoder.append(nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=i > 0))
                decoder.append(activation() if i > 0 else Bias(maps[0]))
        else:
            decoder.append(nn.Linear(back[-1], channels * height * width))
        self.decoder = nn.Sequential(*decoder)

    def forward(self, x, noise, softplus: bool):
        mean, logvar = self.posterior(self.encoder(x)).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * logvar) * noise
        logits = self.decoder(z)
        if softplus:
            distortion = (F.softplus(logits) - x * logits).sum()
        else:
            distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = 0.5 * (mean * mean + torch.exp(logvar) - 1.0 - logvar).sum()
        return (distortion + rate) / x.shape[0]


class Trainer:
    def __init__(self, spec, pixels, draw="uniform", softplus=False, script=False, foreach=False, last=False):
        self.spec = spec
        self.last = last
        # Rows of two axes are selected fastest; their order is that of the convolutions.
        ordered = pixels if last else pixels.permute(0, 3, 1, 2)
        self.pixels = ordered.reshape(len(pixels), -1).contiguous()
        self.probabilities = self.pixels.float() / 255 if draw != "bytes" else None
        self.draw = draw
        self.softplus = softplus
        self.model = Vae(spec)
        if last:
            self.model = self.model.to(memory_format=torch.channels_last)
        if script:
            self.model = torch.jit.script(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, foreach=foreach)
        self.place = len(pixels)

    def shaped(self, rows):
        """Flat rows as the model takes them."""
        height, width, channels = self.spec["event"]
        if not self.spec["layers"]:
            return rows
        if self.last:
            return rows.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return rows.view(-1, channels, height, width)

    def batch(self):
        size = self.spec["batch"]
        if self.place + size > len(self.pixels):
            self.order = torch.randperm(len(self.pixels))
            self.place = 0
        rows = self.order[self.place : self.place + size]
        self.place += size
        return self.shaped(self.drawn(rows))

    def drawn(self, rows):
        if self.draw == "bytes":
            chosen = self.pixels.index_select(0, rows)
            if not self.spec["binarize"]:
                return chosen.float() / 255
            return (torch.rand(chosen.shape) * 255 < chosen).float()
        chosen = self.probabilities.index_select(0, rows)
        if not self.spec["binarize"]:
            return chosen
        if self.draw == "uniform":
            return (torch.rand(chosen.shape) < chosen).float()
        return torch.bernoulli(chosen)

    def step(self, x, noise):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.model(x, noise, self.softplus)
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, steps):
        def all_steps():
            for _ in range(steps):
                loss = self.step(self.batch(), torch.randn(self.spec["batch"], self.spec["latent"]))
            loss.item()

        return timed(all_steps)


def choices(spec):
    return combinations(
        draw=["uniform", "bernoulli", "bytes"] if spec["binarize"] else ["uniform", "bytes"],
        softplus=[False, True],
        script=[False, True],
        foreach=[False, True],
        last=[False, True] if spec["layers"] else [False],
    )


def load(model, spec, given):
    """Weights as ours are stored: hidden dense layers (outputs, inputs), others (inputs, outputs), convolutions channels last."""
    height, width, channels = spec["event"]
    convolutional = bool(spec["layers"])
    sides = [(height, width)]
    for _, kernel, stride, padding in spec["layers"]:
        sides.append(tuple((side + 2 * padding - kernel) // stride + 1 for side in sides[-1]))
    rows, columns = sides[-1]
    smallest = spec["layers"][-1][0] if convolutional else channels
    # Flat maps: (channels, rows, columns) in PyTorch, (rows, columns, channels) here.
    order = torch.arange(rows * columns * smallest).view(rows, columns, smallest).permute(2, 0, 1).reshape(-1)
    pixels = torch.arange(height * width * channels).view(height, width, channels).permute(2, 0, 1).reshape(-1)

    def dense(layer, path, inputs=None, outputs=None):
        weight = given[path + ".weight"]
        weight = weight.view(layer.out_features, -1).t() if ".hidden." in path else weight.view(-1, layer.out_features)
        bias = given[path + ".bias"]
        if inputs is not None:
            weight = weight[inputs]
        if outputs is not None:
            weight, bias = weight[:, outputs], bias[outputs]
        layer.weight.copy_(weight.t())
        layer.bias.copy_(bias)

    linears = lambda net: [layer for layer in net if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for i, layer in enumerate(layer for layer in model.encoder if isinstance(layer, nn.Conv2d)):
            kernel, (outputs, inputs) = layer.kernel_size[0], layer.weight.shape[:2]
            weight = given[f"encoder.layers.{i}.weight"].view(kernel, kernel, inputs, outputs)
            layer.weight.copy_(weight.permute(3, 2, 0, 1))
            layer.bias.copy_(given[f"encoder.layers.{i}.bias"])
        for i, layer in enumerate(linears(model.encoder)):
            dense(layer, f"encoder.hidden.{i}", inputs=order if i == 0 else None)
        dense(model.posterior, "encoder.posterior", inputs=None if spec["hidden"] else order)
        hidden = linears(model.decoder)
        last = hidden.pop()
        for i, layer in enumerate(hidden):
            dense(layer, f"decoder.hidden.{i}")
        if not convolutional:
            return dense(last, "decoder.logits", outputs=pixels)
        dense(last, "decoder.map", outputs=order)
        transposed = [layer for layer in model.decoder if isinstance(layer, nn.ConvTranspose2d)]
        for i, layer in enumerate(transposed):
            path = "decoder.logits" if i == len(transposed) - 1 else f"decoder.layers.{i}"
            kernel, (inputs, outputs) = layer.kernel_size[0], layer.weight.shape[:2]
            layer.weight.copy_(given[path + ".weight"].view(kernel, kernel, outputs, inputs).permute(3, 2, 0, 1))
            if layer.bias is not None:
                layer.bias.copy_(given[path + ".bias"])
        model.decoder[-1].bias.copy_(given["decoder.logits.bias"][pixels].view(channels, height, width))


def check(trainer, manifest):
    """Losses before each of four Adam steps on one batch, from the weights, batch and noise that the manifest names."""
    spec = trainer.spec
    height, width, channels = spec["event"]
    given = {name: read(file, torch.float32) for name, file in manifest.items()}
    load(trainer.model, spec, given)
    x = given["x"].view(-1, height, width, channels)
    if not trainer.last:
        x = x.permute(0, 3, 1, 2)
    x = trainer.shaped(x.reshape(len(x), -1))
    return [trainer.step(x, given["noise"].view(-1, spec["latent"])).item() for _ in range(4)]


def main():
    file, spec = sys.argv[2], json.loads(sys.argv[3])
    height, width, channels = spec["event"]
    pixels = read(file, torch.uint8).view(-1, height, width, channels)
    serve(
        threads=int(sys.argv[1]),
        choices=choices(spec),
        make=lambda **choice: Trainer(spec, pixels, **choice),
        check=lambda choice, manifest: check(Trainer(spec, pixels, **{**choice, "script": False}), manifest),
    )


if __name__ == "__main__":
    main()
