"""A stack of residual blocks in PyTorch: the peer of `npm run bench -- residual`.

Answers the questions of pytorch_peer.py; a step is forward, backward and Adam on one batch that stays as it is.

usage: pytorch_residual.py THREADS STACK
  STACK   JSON: {"side", "batch", "channels", "blocks"}
"""
import json
import sys

import torch
from torch import nn

from pytorch_peer import combinations, read, serve, timed


class Block(nn.Module):
    """x + conv1×1(relu(conv3×3(relu(x)))), as in van den Oord et al. (2017)."""

    def __init__(self, channels, inplace):
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, 3, padding=1)
        self.narrow = nn.Conv2d(channels, channels, 1)
        self.first = nn.ReLU()
        self.second = nn.ReLU(inplace=inplace)

    def forward(self, x):
        return x + self.narrow(self.second(self.wide(self.first(x))))


class Trainer:
    def __init__(self, stack, script=False, foreach=False, last=False, inplace=False):
        self.stack = stack
        self.last = last
        self.model = nn.Sequential(*(Block(stack["channels"], inplace) for _ in range(stack["blocks"])))
        if last:
            self.model = self.model.to(memory_format=torch.channels_last)
        if script:
            self.model = torch.jit.script(self.model)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, foreach=foreach)
        self.x = self.images(torch.randn(stack["batch"], stack["side"], stack["side"], stack["channels"]))

    def images(self, rows):
        """Images with the channels last, as the model takes them."""
        x = rows.permute(0, 3, 1, 2)
        return x if self.last else x.contiguous()

    def step(self, x):
        self.optimizer.zero_grad(set_to_none=True)
        y = self.model(x)
        loss = 0.5 * (y * y).mean()
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, steps):
        def all_steps():
            for _ in range(steps):
                loss = self.step(self.x)
            loss.item()

        return timed(all_steps)


def check(trainer, manifest):
    """Losses before each of four Adam steps, from the weights and the batch that the manifest names."""
    stack = trainer.stack
    given = {name: read(file, torch.float32) for name, file in manifest.items()}
    with torch.no_grad():
        for i, block in enumerate(trainer.model):
            for name, layer in (("wide", block.wide), ("narrow", block.narrow)):
                outputs, inputs, side, _ = layer.weight.shape
                weight = given[f"block.{i}.{name}.weight"].view(side, side, inputs, outputs)
                layer.weight.copy_(weight.permute(3, 2, 0, 1))
                layer.bias.copy_(given[f"block.{i}.{name}.bias"])
    x = trainer.images(given["x"].view(-1, stack["side"], stack["side"], stack["channels"]))
    return [trainer.step(x).item() for _ in range(4)]


def main():
    stack = json.loads(sys.argv[2])
    options = [False, True]
    serve(
        threads=int(sys.argv[1]),
        choices=combinations(script=options, foreach=options, last=options, inplace=options),
        make=lambda **choice: Trainer(stack, **choice),
        check=lambda choice, manifest: check(Trainer(stack, **{**choice, "script": False}), manifest),
    )


main()
