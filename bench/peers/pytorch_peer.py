"""What the peers in PyTorch have in common. Each answers one line of JSON for each line of JSON on standard input:
  {"check": MANIFEST}   {"values": numbers that ours are compared with}, of what the files of the manifest hold
  {"tune": N}           times every way of writing the work, keeps the fastest: {"seconds", "choice"}
  {"take": CHOICE}      takes that way: {}
  {"run": N}            {"seconds"} of so much work
  {"peak": true}        {"bytes"}: the largest resident set of this process so far
"""
import itertools
import json
import os
import resource
import sys
import time

import torch


def read(file, dtype):
    """The numbers of a file, in memory that holds them once."""
    bytes = bytearray(os.path.getsize(file))
    with open(file, "rb") as source:
        source.readinto(bytes)
    return torch.frombuffer(bytes, dtype=dtype)


def timed(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def combinations(**options):
    return [dict(zip(options, values)) for values in itertools.product(*options.values())]


def tune(choices, make, amount):
    """The fastest way: all of them for a block, then the best six by turns for five blocks more."""
    known = []
    for choice in choices:
        worker = make(**choice)
        worker.run(4)  # what is scripted compiles in its first calls
        known.append([worker.run(amount) / amount, choice])
    best = sorted(known, key=lambda entry: entry[0])[:6]
    workers = [make(**choice) for _, choice in best]
    for worker in workers:
        worker.run(4)
    times = [[] for _ in best]
    for _ in range(5):
        for worker, own in zip(workers, times):
            own.append(worker.run(amount) / amount)
    medians = [sorted(own)[2] for own in times]
    fastest = min(range(len(best)), key=lambda i: medians[i])
    return medians[fastest], best[fastest][1]


def serve(threads, choices, make, check):
    """
    choices: ways of writing the work, keyword arguments of `make`, the first one taken at the start
    make: gives an object whose `run(n)` does so much work and returns the seconds that it took
    check: (choice, manifest) -> numbers
    """
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    choice, worker = choices[0], None
    print(json.dumps({"ready": torch.__version__}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        if "check" in question:
            answer = {"values": check(choice, question["check"])}
        elif "tune" in question:
            seconds, choice = tune(choices, make, question["tune"])
            worker = None
            answer = {"seconds": seconds, "choice": choice}
        elif "take" in question:
            choice, worker = question["take"], None
            answer = {}
        elif "peak" in question:
            answer = {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
        else:
            worker = worker or make(**choice)
            answer = {"seconds": worker.run(question["run"])}
        print(json.dumps(answer), flush=True)
