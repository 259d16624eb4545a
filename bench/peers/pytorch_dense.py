"""The dense VAE 784-400-20 in PyTorch, as fast as PyTorch makes it on a CPU: a peer of `npm run bench -- dense`.

Answers one line of JSON for each line of JSON on standard input:
  {"check": MANIFEST}   losses of three Adam steps from given weights, batch and noise
  {"tune": STEPS}       times every way of writing the step, keeps the fastest
  {"run": STEPS}        seconds of that many whole steps: fetch, binarize, noise, forward, backward, Adam

usage: pytorch_dense.py THREADS PIXELS (rows of 784 grey levels, uint8)
"""
import itertools
import json
import sys
import time

import torch
import torch.nn.functional as F

BATCH, LATENT, HIDDEN, PIXELS = 128, 20, 400, 784


def read(file, dtype):
    with open(file, "rb") as source:
        return torch.frombuffer(bytearray(source.read()), dtype=dtype)


class Vae(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(PIXELS, HIDDEN)
        self.posterior = torch.nn.Linear(HIDDEN, 2 * LATENT)  # both heads in one product
        self.decoder = torch.nn.Linear(LATENT, HIDDEN)
        self.logits = torch.nn.Linear(HIDDEN, PIXELS)

    def forward(self, x, noise, softplus: bool):
        mean, logvar = self.posterior(F.relu(self.hidden(x))).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * logvar) * noise
        logits = self.logits(F.relu(self.decoder(z)))
        if softplus:
            distortion = (F.softplus(logits) - x * logits).sum()
        else:
            distortion = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = 0.5 * (mean * mean + torch.exp(logvar) - 1.0 - logvar).sum()
        return (distortion + rate) / x.shape[0]


class Trainer:
    def __init__(self, pixels, draw="bernoulli", softplus=False, script=False, foreach=False):
        self.pixels = pixels
        self.probabilities = pixels.float() / 255 if draw != "bytes" else None
        self.draw = draw
        self.softplus = softplus
        self.model = torch.jit.script(Vae()) if script else Vae()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, foreach=foreach)
        self.place = len(pixels)

    def batch(self):
        if self.place + BATCH > len(self.pixels):
            self.order = torch.randperm(len(self.pixels))
            self.place = 0
        rows = self.order[self.place : self.place + BATCH]
        self.place += BATCH
        if self.draw == "bytes":
            return (torch.rand(BATCH, PIXELS) * 255 < self.pixels.index_select(0, rows)).float()
        probabilities = self.probabilities.index_select(0, rows)
        if self.draw == "uniform":
            return (torch.rand(BATCH, PIXELS) < probabilities).float()
        return torch.bernoulli(probabilities)

    def step(self, x, noise):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.model(x, noise, self.softplus)
        loss.backward()
        self.optimizer.step()
        return loss

    def run(self, steps):
        started = time.perf_counter()
        for _ in range(steps):
            loss = self.step(self.batch(), torch.randn(BATCH, LATENT))
        loss.item()
        return time.perf_counter() - started


CHOICES = {
    "draw": ["bernoulli", "uniform", "bytes"],
    "softplus": [False, True],
    "script": [False, True],
    "foreach": [False, True],
}


def tune(pixels, steps):
    """The fastest of all ways of writing the step, by the best of three blocks."""
    best = None
    for values in itertools.product(*CHOICES.values()):
        choice = dict(zip(CHOICES, values))
        trainer = Trainer(pixels, **choice)
        trainer.run(10)  # a scripted model compiles in its first calls
        seconds = min(trainer.run(steps) for _ in range(3)) / steps
        if best is None or seconds < best[0]:
            best = (seconds, choice, trainer)
    return best


def check(trainer, manifest):
    """Losses before and after Adam steps on one batch, from the weights, batch and noise that the manifest names."""
    given = {name: read(file, torch.float32) for name, file in manifest.items()}
    weight = lambda name, inputs: given[name + ".weight"].view(inputs, -1).t()  # stored as (inputs, outputs)
    model = trainer.model
    with torch.no_grad():
        model.hidden.weight.copy_(weight("encoder.hidden.0", PIXELS))
        model.hidden.bias.copy_(given["encoder.hidden.0.bias"])
        model.posterior.weight.copy_(weight("encoder.posterior", HIDDEN))
        model.posterior.bias.copy_(given["encoder.posterior.bias"])
        model.decoder.weight.copy_(weight("decoder.hidden.0", LATENT))
        model.decoder.bias.copy_(given["decoder.hidden.0.bias"])
        model.logits.weight.copy_(weight("decoder.logits", HIDDEN))
        model.logits.bias.copy_(given["decoder.logits.bias"])
    x, noise = given["x"].view(BATCH, PIXELS), given["noise"].view(BATCH, LATENT)
    return [trainer.step(x, noise).item() for _ in range(4)]


def main():
    threads, file = int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    pixels = read(file, torch.uint8).view(-1, PIXELS)
    trainer, choice = Trainer(pixels), {}
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        if "check" in question:
            answer = {"losses": check(Trainer(pixels, **choice), question["check"])}
        elif "tune" in question:
            seconds, choice, trainer = tune(pixels, question["tune"])
            answer = {"seconds": seconds, "choice": choice}
        else:
            answer = {"seconds": trainer.run(question["run"])}
        print(json.dumps(answer), flush=True)


main()
