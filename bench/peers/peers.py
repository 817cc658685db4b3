#!/usr/bin/python3
"""Training speed of zoo networks in PyTorch, written the way a PyTorch user writes them.

A step is forward, loss, backward, Adam; 256 samples that are in memory already; no data loader.
Prints one JSON object a line:

  {"network": "CLS_1k", "threads": 1, "variant": "jit", "memory_format": "channels_last",
   "time_axis": "height", "optimizer": "foreach", "batch": 256, "samples_per_second": 12345.6,
   "repetitions": [...], "parameters": 893, "torch": "1.13.0"}

Variants: eager; channels_last, the memory format PyTorch recommends for CPUs; jit, a traced and
optimised forward pass; compile, torch.compile, where the release has it; the last two in either
memory format. Each is tried with time along the height (as the zoo has it) and along the width (as
Conv1d has it), and with every implementation of Adam that the release has for the CPU; the fastest
combination is measured.
"""

import argparse
import collections
import ctypes
import itertools
import json
import math
import os
import sys
import time

BATCH = 256


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="all", help="a name, or all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--variant", default="all",
                        choices=["all", "eager", "channels_last", "jit", "compile"])
    parser.add_argument("--sgemm", action="store_true",
                        help="measure a product of two large matrices instead of networks")
    parser.add_argument("--list", action="store_true", help="print the networks' names and leave")
    return parser.parse_args()


ARGUMENTS = parse_arguments() if __name__ == "__main__" else None
if ARGUMENTS is not None:
    # OpenMP and BLAS read these once, when they are loaded.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(ARGUMENTS.threads)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402


# Where the networks have time: "height", inputs [N, C, T, 1]; or "width", inputs [N, C, 1, T].
time_axis = "height"


def along(time_size, other_size):
    return (time_size, other_size) if time_axis == "height" else (other_size, time_size)


def conv(ins, outs, kernel, stride=1, padding=None, groups=1):
    """Convolution along time, batch norm, ReLU."""
    padding = kernel // 2 if padding is None else padding
    return nn.Sequential(
        nn.Conv2d(ins, outs, along(kernel, 1), along(stride, 1), along(padding, 0), groups=groups),
        nn.BatchNorm2d(outs), nn.ReLU(inplace=True))


def pool(kernel, stride):
    return nn.MaxPool2d(along(kernel, 1), along(stride, 1), along(kernel // 2, 0))


def layers(**named):
    """A sequence whose layers have the zoo's ids: layers(_1a=...) is layer "1a"."""
    return nn.Sequential(
        collections.OrderedDict((name[1:], layer) for name, layer in named.items()))


class Sequential(nn.Module):
    def __init__(self, **named):
        super().__init__()
        self.features = layers(**named)

    def forward(self, x):
        return self.features(x)


def cls_100(variables=1, classes=3):
    return Sequential(_0=nn.BatchNorm2d(variables), _1=conv(variables, 8, 1), _2=conv(8, 8, 3),
                      _3=nn.AdaptiveAvgPool2d(1), _4=nn.Flatten(), _5=nn.Linear(8, classes))


def cls_1k(variables=1, classes=3):
    return Sequential(_0=nn.BatchNorm2d(variables), _1=conv(variables, 8, 5), _1a=conv(8, 8, 5),
                      _2=pool(3, 2), _3=conv(8, 16, 3), _5=nn.AdaptiveAvgPool2d(1),
                      _6=nn.Flatten(), _7=nn.Linear(16, classes))


def cls_6k(variables=1, classes=3):
    return Sequential(_0=nn.BatchNorm2d(variables), _1=conv(variables, 16, 3, 4), _2=pool(3, 2),
                      _3a=conv(16, 16, 3, groups=16), _3b=conv(16, 32, 1), _4=pool(3, 2),
                      _5a=conv(32, 32, 3, groups=32), _5b=conv(32, 48, 1), _6=conv(48, 16, 5),
                      _7=nn.AdaptiveAvgPool2d(1), _8=nn.Flatten(), _9=nn.Linear(16, classes))


def cls_13k(variables=1, classes=3):
    return Sequential(_0=nn.BatchNorm2d(variables), _1=conv(variables, 8, 5, 2),
                      _2=conv(8, 16, 3, 2), _3=conv(16, 16, 3), _4=conv(16, 32, 3, 2),
                      _5=conv(32, 32, 3), _6=conv(32, 64, 3, 2), _7=nn.AdaptiveAvgPool2d(1),
                      _8=nn.Flatten(), _9=nn.Linear(64, classes))


def cls_55k(variables=1, classes=3):
    # Its last layer is as wide as what 512 values leave: two positions.
    return Sequential(_0=nn.BatchNorm2d(variables), _1a=conv(variables, 8, 5, 2),
                      _1b=conv(8, 8, 5, 2), _2=pool(4, 4), _3a=conv(8, 16, 5),
                      _3b=conv(16, 16, 5, 2), _4=pool(4, 2), _5a=conv(16, 32, 5),
                      _5b=conv(32, 32, 3), _6=pool(4, 2), _7=conv(32, 64, 5), _8=pool(4, 2),
                      _9=conv(64, 64, 5), _10=pool(2, 2), _11=conv(64, 64, 3), _12=nn.Flatten(),
                      _13=nn.Linear(128, classes))


class Residual(nn.Module):
    """Three convolutions beside one; the averages of both are added."""

    def __init__(self, variables=1, classes=3):
        super().__init__()
        self.top_layer = nn.BatchNorm2d(variables)
        self.layer1 = nn.Sequential(*conv(variables, 4, 3, 2, 0), *conv(4, 8, 3, 2, 0),
                                    *conv(8, 16, 3, 2, 0), nn.AdaptiveAvgPool2d(1))
        self.layer2 = nn.Sequential(*conv(variables, 16, 3, 2, 0), nn.AdaptiveAvgPool2d(1))
        self.bottom_layers = nn.Sequential(nn.Flatten(), nn.Linear(16, classes))

    def forward(self, x):
        x = self.top_layer(x)
        return self.bottom_layers(self.layer1(x) + self.layer2(x))


class Autoencoder(nn.Module):
    """Four strided convolutions; the way back resizes to each length passed, then convolves."""

    def __init__(self, variables=1):
        super().__init__()
        self.enc1, self.enc2 = conv(variables, 8, 3, 2), conv(8, 16, 3, 2)
        self.enc3, self.enc4 = conv(16, 32, 3, 2), conv(32, 64, 3, 2)
        self.dec4, self.dec3, self.dec2 = conv(64, 32, 3), conv(32, 16, 3), conv(16, 8, 3)
        self.dec1 = nn.Conv2d(8, variables, along(3, 1), padding=along(1, 0))

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(a)
        c = self.enc3(b)
        y = self.enc4(c)
        for like, decode in ((c, self.dec4), (b, self.dec3), (a, self.dec2), (x, self.dec1)):
            y = decode(F.interpolate(y, size=like.shape[2:], mode="bilinear", align_corners=False))
        return y


class LastStep(nn.Module):
    def __init__(self, variables, hidden):
        super().__init__()
        self.rnn = nn.LSTM(variables, hidden, batch_first=True)

    def forward(self, x):
        return self.rnn(x.flatten(2).transpose(1, 2))[0][:, -1]


def fcst_lstm10(variables=1, outputs=1):
    return Sequential(_0=nn.Identity(), _1=LastStep(variables, 10), _2=nn.Linear(10, outputs))


def regr_10k(variables=4, outputs=1):
    return Sequential(_0=nn.BatchNorm2d(variables), _1=conv(variables, 8, 3, 2),
                      _2=conv(8, 16, 3, 2), _3=conv(16, 32, 3, 2), _4=nn.AdaptiveAvgPool2d(1),
                      _5=nn.Flatten(), _6=nn.Linear(32, 64 * outputs), _7=nn.ReLU(inplace=True),
                      _8=nn.Linear(64 * outputs, outputs))


def square(ins, outs, kernel, stride=1, padding=0, groups=1):
    return nn.Sequential(nn.Conv2d(ins, outs, kernel, stride, padding, groups=groups),
                         nn.BatchNorm2d(outs), nn.ReLU(inplace=True))


def lenet5(variables=1, classes=10):
    return Sequential(_0=nn.BatchNorm2d(variables), _1=square(variables, 8, 3),
                      _2=nn.MaxPool2d(2), _3=square(8, 16, 3), _4=nn.MaxPool2d(2),
                      _5=nn.Flatten(), _6=nn.Linear(400, 12 * classes), _7=nn.ReLU(inplace=True),
                      _8=nn.Linear(12 * classes, 84), _9=nn.ReLU(inplace=True),
                      _10=nn.Linear(84, classes))


class DepthwiseSeparable(nn.Module):
    def __init__(self, variables=1, classes=12):
        super().__init__()
        blocks = [*square(variables, 64, (10, 4), 2, (5, 1)), nn.Dropout(0.2)]
        for _ in range(4):
            blocks += [*square(64, 64, 3, 1, 1, groups=64), *square(64, 64, 1)]
        self.layers = nn.Sequential(*blocks, nn.Dropout(0.4), nn.AdaptiveAvgPool2d(1),
                                    nn.Flatten(), nn.Linear(64, classes))

    def forward(self, x):
        return self.layers(x)


# Name: how to make it, shape of a sample, outputs, loss (None: of the input itself).
Peer = collections.namedtuple("Peer", "make shape outputs loss")
NETWORKS = {
    "CLS_100": Peer(cls_100, (1, 512, 1), 3, F.cross_entropy),
    "CLS_1k": Peer(cls_1k, (1, 512, 1), 3, F.cross_entropy),
    "CLS_6k": Peer(cls_6k, (1, 512, 1), 3, F.cross_entropy),
    "CLS_13k": Peer(cls_13k, (1, 512, 1), 3, F.cross_entropy),
    "CLS_55k": Peer(cls_55k, (1, 512, 1), 3, F.cross_entropy),
    "CLS_ResAdd_3k": Peer(Residual, (1, 512, 1), 3, F.cross_entropy),
    "AD_17k": Peer(Autoencoder, (1, 96, 1), None, F.mse_loss),
    "FCST_LSTM10": Peer(fcst_lstm10, (1, 32, 1), 1, F.huber_loss),
    "REGR_10k": Peer(regr_10k, (4, 16, 1), 1, F.mse_loss),
    "Lenet5": Peer(lenet5, (1, 28, 28), 10, F.cross_entropy),
    "DSCNN": Peer(DepthwiseSeparable, (1, 49, 10), 12, F.cross_entropy),
}


def adams():
    """The implementations of Adam on the CPU that this release has."""
    def has(**options):
        try:
            parameter = nn.Parameter(torch.ones(1))
            parameter.grad = torch.ones(1)
            torch.optim.Adam([parameter], **options).step()
            return True
        except (TypeError, RuntimeError):
            return False

    known = {"foreach": {"foreach": True}, "fused": {"fused": True}}
    return {"single": {}, **{name: options for name, options in known.items() if has(**options)}}


class Job:
    """A network, its optimiser and one batch of random samples."""

    def __init__(self, peer, variant, memory_format, axis, adam):
        global time_axis
        time_axis = axis
        torch.manual_seed(1)
        self.model = peer.make().train()
        self.loss = peer.loss
        channels, height, width = peer.shape
        shape = (height, width) if axis == "height" else (width, height)
        self.inputs = torch.randn(BATCH, channels, *shape)
        if memory_format == "channels_last":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.inputs = self.inputs.contiguous(memory_format=torch.channels_last)
        if peer.outputs is None:
            self.targets = self.inputs
        elif peer.loss is F.cross_entropy:
            self.targets = torch.randint(peer.outputs, (BATCH,))
        else:
            self.targets = torch.randn(BATCH, peer.outputs)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, **adam)
        if variant == "jit":
            self.model = torch.jit.trace(self.model, self.inputs, check_trace=False)
        elif variant == "compile":
            self.model = torch.compile(self.model)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.model(self.inputs), self.targets).backward()
        self.optimizer.step()

    def rate(self, seconds):
        """Samples per second over at least `seconds` and at least three steps."""
        steps, start = 0, time.perf_counter()
        while steps < 3 or time.perf_counter() - start < seconds:
            self.step()
            steps += 1
        return steps * BATCH / (time.perf_counter() - start)


def measure(name, variant, threads, seconds, repetitions):
    peer, best = NETWORKS[name], (0,)
    formats = {"eager": ["contiguous"], "channels_last": ["channels_last"]}.get(
        variant, ["contiguous", "channels_last"])
    axes = ["height", "width"] if peer.shape[2] == 1 else ["height"]
    for memory_format, axis, adam in itertools.product(formats, axes, adams()):
        job = Job(peer, variant, memory_format, axis, adams()[adam])
        job.rate(min(0.3, seconds))  # first steps compile, allocate and choose kernels
        trial = job.rate(min(0.3, seconds))
        if trial > best[0]:
            best = (trial, memory_format, axis, adam, job)
    _, memory_format, axis, adam, job = best
    rates = [job.rate(seconds) for _ in range(max(repetitions, 3))]
    return {"network": name, "threads": threads, "variant": variant,
            "memory_format": memory_format, "time_axis": axis,
            "optimizer": adam, "batch": BATCH, "samples_per_second": round(max(rates), 1),
            "repetitions": [round(rate, 1) for rate in rates],
            "parameters": sum(math.prod(p.shape) for p in job.model.parameters()),
            "torch": torch.__version__}


def sgemm(threads, seconds, repetitions, size=3072):
    """What the threads can do when nothing holds them up: FLOP/s of one product after the other."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    result = torch.empty(size, size)
    torch.mm(a, b, out=result)
    rates = []
    for _ in range(repetitions):
        products, start = 0, time.perf_counter()
        while products < 1 or time.perf_counter() - start < seconds:
            torch.mm(a, b, out=result)
            products += 1
        rates.append(2 * size ** 3 * products / (time.perf_counter() - start))
    return {"sgemm": size, "threads": threads, "flops_per_second": max(rates),
            "repetitions": rates, "torch": torch.__version__}


def keep_freed_memory():
    """Tensors of a step are allocated again in the next: glibc must not return them to the system
    in between, each page would be faulted in and cleared anew."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD, the largest allowed
        mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    except (OSError, AttributeError):
        pass  # another C library


def main():
    if ARGUMENTS.list:
        print("\n".join(NETWORKS))
        return 0
    if ARGUMENTS.sgemm:
        torch.set_num_threads(ARGUMENTS.threads)
        print(json.dumps(sgemm(ARGUMENTS.threads, ARGUMENTS.seconds, ARGUMENTS.repetitions)))
        return 0
    names = list(NETWORKS) if ARGUMENTS.network == "all" else [ARGUMENTS.network]
    if names[0] not in NETWORKS:
        sys.exit(f"peers.py: no network '{names[0]}'; there are: {', '.join(NETWORKS)}")
    variants = ["eager", "channels_last", "jit"] + ["compile"] * hasattr(torch, "compile")
    if ARGUMENTS.variant != "all":
        if ARGUMENTS.variant not in variants:
            sys.exit(f"peers.py: torch {torch.__version__} has no torch.compile")
        variants = [ARGUMENTS.variant]
    keep_freed_memory()
    torch.set_num_threads(ARGUMENTS.threads)
    # One batch again and again is learnt by heart; what is left of gradients must not slow steps.
    torch.set_flush_denormal(True)
    for name in names:
        for variant in variants:
            line = measure(name, variant, ARGUMENTS.threads, ARGUMENTS.seconds,
                           ARGUMENTS.repetitions)
            print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
