"""The encoder of a VAE in PyTorch: the peer of `npm run bench -- encode`.

Answers the questions of pytorch_peer.py; a unit of work is 1000 images, from grey levels to the mean and the log-variance
of the posterior, in arrays for all of them.

usage: pytorch_encode.py THREADS PIXELS MODEL, as pytorch_vae.py
"""
import json
import sys

import torch

from pytorch_peer import combinations, read, serve, timed
from pytorch_vae import Vae, load


class Encoder(torch.nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.encoder = vae.encoder
        self.posterior = vae.posterior

    def forward(self, x):
        return self.posterior(self.encoder(x))


class Worker:
    def __init__(self, spec, pixels, vae, rows=500, mode="no_grad", compiled="no", last=False):
        self.spec = spec
        self.pixels = pixels
        self.rows = rows
        self.last = last
        self.without_gradients = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}[mode]
        model = Encoder(vae).eval()
        if last:
            model = model.to(memory_format=torch.channels_last)
        if compiled != "no":
            model = torch.jit.script(model)
        if compiled in ("frozen", "optimized"):
            model = torch.jit.freeze(model)
        if compiled == "optimized":
            model = torch.jit.optimize_for_inference(model)
        self.model = model

    def encode(self, pixels):
        """(count, height, width, channels) -> mean and log-variance, (count, latent) each."""
        latent = self.spec["latent"]
        with self.without_gradients():
            mean, logvar = torch.empty(len(pixels), latent), torch.empty(len(pixels), latent)
            for start in range(0, len(pixels), self.rows):
                x = pixels[start : start + self.rows].float().mul_(1 / 255)
                if not self.spec["layers"]:
                    x = x.view(len(x), -1)
                else:
                    x = x.permute(0, 3, 1, 2)
                    x = x.contiguous(memory_format=torch.channels_last if self.last else torch.contiguous_format)
                parameters = self.model(x)
                mean[start : start + self.rows] = parameters[:, :latent]
                logvar[start : start + self.rows] = parameters[:, latent:]
        return mean, logvar

    def run(self, thousands):
        return timed(lambda: self.encode(self.pixels[: 1000 * thousands]))


def main():
    file, spec = sys.argv[2], json.loads(sys.argv[3])
    height, width, channels = spec["event"]
    pixels = read(file, torch.uint8).view(-1, height, width, channels)

    def check(choice, manifest):
        """Means and log-variances of the first images, row by row, with the weights that the manifest names."""
        vae = Vae(spec)
        load(vae, spec, {name: read(given, torch.float32) for name, given in manifest.items()})
        mean, logvar = Worker(spec, pixels, vae, **choice).encode(pixels[:200])
        return torch.cat([mean, logvar], dim=1).view(-1).tolist()

    serve(
        threads=int(sys.argv[1]),
        choices=combinations(
            rows=[125, 500, 2000],
            mode=["no_grad", "inference_mode"],
            compiled=["no", "script", "frozen", "optimized"],
            last=[False, True] if spec["layers"] else [False],
        ),
        make=lambda **choice: Worker(spec, pixels, Vae(spec), **choice),
        check=check,
    )


main()
