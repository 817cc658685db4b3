#!/usr/bin/python3
"""Records how small zoo networks learn in PyTorch: tests/reference/trajectories.json.

    record.py            writes the file
    record.py --check    compares a new recording with the file instead

The file holds graphs, seeds and losses; weights and samples are generated from the seeds, here and
in the test. Generator, all integers unsigned 64-bit (SplitMix64):

    state = seed
    next: state += 0x9E3779B97F4A7C15
          z = state
          z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
          z = (z ^ (z >> 27)) * 0x94D049BB133111EB
          z = z ^ (z >> 31)
    uniform: ((z >> 48) - 32768) / 32768, in [-1, 1)
    label:   (z >> 48) % classes

A tensor is offset + scale * uniform, one draw an element, in the order of its shape with the last
axis fastest. Scales are powers of two and offsets 0 or 1: every value is exact in float32.

Per network:

    input       shape of a sample [C, H, W]
    nodes       in order; `inputs` left out: the node before (the first one: the input); "input"
                names the network's input. The last node is the output. Parameters of a node are
                "<name>.<role>". Operators:
                  BatchNorm        epsilon 1e-5, momentum 0.1, batch statistics in training
                  Conv2d           out, kernel, stride, padding [h, w] on both sides, groups (left
                                   out: 1); bias
                  ConvTranspose2d  out, kernel, stride, padding, output_padding; bias; weight is
                                   [in, out, kh, kw]; length (n-1)*stride - 2*padding + kernel +
                                   output_padding
                  MaxPool          kernel, stride, padding
                  AdaptiveAvgPool  output
                  Resize           mode nearest or linear (half-pixel centres, clamped), to `size`
                  Recurrent        kind LSTM, hidden; [C, H, 1] is H steps of C values; output is
                                   the last step's h; gates i, f, g, o; zero initial state
                  Concat           axis of [C, H, W]
                  Linear           out; bias
                  Relu, Flatten, Add, Identity
    parameters  name, shape, seed, scale, offset (left out: 0); and gradient_norm, the L2 norm of
                the first step's gradient in float64 (0: below 1e-12, as of biases in front of a
                batch norm). Running means start at 0 and variances at 1.
    inputs      seed, scale and shape [batches, batch, C, H, W] of the samples
    labels      seed, shape [batches, batch] and classes; loss cross_entropy, the batch's mean
    targets     seed, scale, shape [batches, batch, outputs]; loss huber (delta 1), mean of all
                elements. Neither labels nor targets: loss mse to the input, mean of all elements
    runs        per optimiser: its constants; `losses` of the steps, in training mode before each
                update, step s on batch s % batches, computed in float64; `float32_distance`, the
                largest distance of PyTorch's own float32 losses from them. SGD also: `eval_loss`,
                of batch 0 with running statistics after the last step, and
                `float32_eval_distance`. (Adam takes steps of full length along biases in front of
                a batch norm, whose gradients are rounding errors: the losses do not feel it, the
                running means lag behind the biases, and no two programs agree on eval_loss.)
                  SGD   v = momentum * v + g (v = g at first), p -= lr * v
                  Adam  betas 0.9, 0.999, epsilon 1e-8, bias correction; no weight decay in either

`cross_entropy` holds torch.nn.functional.cross_entropy by itself, in float64:

    outputs     seed, scale and shape [batch, classes]
    labels      seed, shape, classes; or `probabilities`, a tensor of [batch, classes] whose rows
                need not have the sum 1
    smoothing   label_smoothing
    weights     weight, a tensor of [classes]; left out: none
    loss        of the batch, reduction "mean"
    gradient    of the loss by the outputs, [batch * classes]
"""

import argparse
import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

FILE = pathlib.Path(__file__).resolve().parent / "trajectories.json"
BATCHES, BATCH, LENGTH, STEPS = 3, 8, 64, 20
OPTIMIZERS = {"sgd": {"lr": 0.02, "momentum": 0.9}, "adam": {"lr": 0.005}}


# ---- generator -----------------------------------------------------------------------------------

def draws(seed, count):
    """The upper 16 bits of `count` numbers."""
    mask, state, result = (1 << 64) - 1, seed, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        result.append((z ^ (z >> 31)) >> 48)
    return result


def tensor(record, dtype):
    values = torch.tensor(draws(record["seed"], math.prod(record["shape"])), dtype=torch.float64)
    values = (values - 32768) / 32768 * record["scale"] + record.get("offset", 0)
    assert torch.equal(values, values.float().double())
    return values.to(dtype).reshape(record["shape"])


def labels(record):
    values = torch.tensor(draws(record["seed"], math.prod(record["shape"])))
    return (values % record["classes"]).reshape(record["shape"])


# ---- networks ------------------------------------------------------------------------------------

def conv_norm_relu(names, out, kernel, stride=1, padding=None, groups=1, inputs=None):
    """`names`: of the three nodes."""
    conv = {"name": names[0], "op": "Conv2d", "out": out, "kernel": [kernel, 1],
            "stride": [stride, 1], "padding": [kernel // 2 if padding is None else padding, 0]}
    if groups != 1:
        conv["groups"] = groups
    if inputs:
        conv["inputs"] = inputs
    return [conv, {"name": names[1], "op": "BatchNorm"}, {"name": names[2], "op": "Relu"}]


def layer(name, *arguments, **options):
    return conv_norm_relu([f"{name}.{i}" for i in range(3)], *arguments, **options)


def run_of(name, start, *arguments, **options):
    """Three places of a flat container: name.start, ..."""
    return conv_norm_relu([f"{name}.{start + i}" for i in range(3)], *arguments, **options)


def pool(name, kernel, stride):
    return {"name": name, "op": "MaxPool", "kernel": [kernel, 1], "stride": [stride, 1],
            "padding": [kernel // 2, 0]}


def head(average, flatten, linear, classes=3):
    return [{"name": average, "op": "AdaptiveAvgPool", "output": [1, 1]},
            {"name": flatten, "op": "Flatten"},
            {"name": linear, "op": "Linear", "out": classes}]


def resize(name, mode, length, inputs=None):
    node = {"name": name, "op": "Resize", "mode": mode, "size": [length, 1]}
    return {**node, "inputs": inputs} if inputs else node


def bare(name, out, kernel=3):
    return {"name": name, "op": "Conv2d", "out": out, "kernel": [kernel, 1], "stride": [1, 1],
            "padding": [kernel // 2, 0]}


def norm(name):
    return {"name": name, "op": "BatchNorm"}


def residual_branches(averages):
    first = [node for i, out in enumerate((4, 8, 16))
             for node in run_of("layer1", 3 * i, out, 3, 2, 0)]
    second = run_of("layer2", 0, 16, 3, 2, 0, inputs=["top_layer"])
    if averages:
        first.append({"name": "layer1.9", "op": "AdaptiveAvgPool", "output": [1, 1]})
        second.append({"name": "layer2.3", "op": "AdaptiveAvgPool", "output": [1, 1]})
    return [norm("top_layer"), *first, *second]


def networks():
    """Name: shape of a sample, kind of loss, number of trained values as the zoo has it, nodes."""
    add = {"name": "add", "op": "Add", "inputs": ["layer1.9", "layer2.3"]}
    concat = {"name": "concat", "op": "Concat", "axis": 1, "inputs": ["layer1.8", "layer2.2"]}
    up = {"name": "decoder.0", "op": "ConvTranspose2d", "out": 8, "kernel": [3, 1],
          "stride": [2, 1], "padding": [1, 0], "output_padding": [1, 0]}
    return {
        "CLS_1k_NPU": ((1, LENGTH, 1), "cross_entropy", 893, [
            norm("features.0"), *layer("features.1", 8, 5), *layer("features.1a", 8, 5),
            pool("features.2", 3, 2), *layer("features.3", 16, 3),
            *head("features.5", "features.6", "features.7")]),
        "CLS_6k_NPU": ((1, LENGTH, 1), "cross_entropy", 6613, [
            norm("features.0"), *layer("features.1", 16, 3, 4), pool("features.2", 3, 2),
            *layer("features.3a", 16, 3, groups=16), *layer("features.3b", 32, 1),
            pool("features.4", 3, 2), *layer("features.5a", 32, 3, groups=32),
            *layer("features.5b", 48, 1), *layer("features.6", 16, 5),
            *head("features.7", "features.8", "features.9")]),
        "CLS_ResAdd_3k": ((3, LENGTH, 1), "cross_entropy", 849, [
            *residual_branches(True), add, {"name": "bottom_layers.0", "op": "Flatten"},
            {"name": "bottom_layers.1", "op": "Linear", "out": 3}]),
        "CLS_ResCat_3k": ((3, LENGTH, 1), "cross_entropy", 849, [
            *residual_branches(False), concat,
            *head("bottom_layers.0", "bottom_layers.1", "bottom_layers.2")]),
        "AD_17k": ((1, LENGTH - 2, 1), "mse", 16705, [
            *layer("enc1", 8, 3, 2), *layer("enc2", 16, 3, 2), *layer("enc3", 32, 3, 2),
            *layer("enc4", 64, 3, 2), resize("up4", "linear", 8), *layer("dec4", 32, 3),
            resize("up3", "linear", 16), *layer("dec3", 16, 3), resize("up2", "linear", 31),
            *layer("dec2", 8, 3), resize("up1", "linear", 62), bare("dec1", 1)]),
        "AD_1k": ((1, LENGTH, 1), "mse", 1213, [
            *run_of("encoder", 0, 16, 3, 2), *run_of("encoder", 3, 8, 3, 2),
            *run_of("encoder", 6, 4, 3, 2), resize("up1", "nearest", 16),
            resize("up2", "nearest", 32), resize("up3", "nearest", 64),
            *run_of("decoder", 0, 8, 3), *run_of("decoder", 3, 16, 3), bare("decoder.6", 1)]),
        # Not of the zoo: the transposed convolution that none of its networks has.
        "AD_transposed": ((2, LENGTH, 1), "mse", None, [
            *run_of("encoder", 0, 8, 3, 2), up, norm("decoder.1"),
            {"name": "decoder.2", "op": "Relu"}, bare("decoder.3", 2)]),
        "FCST_LSTM10": ((1, 32, 1), "huber", 542, [
            {"name": "features.0", "op": "Identity"},
            {"name": "features.1.rnn", "op": "Recurrent", "kind": "LSTM", "hidden": 10},
            {"name": "features.2", "op": "Linear", "out": 2}]),
    }


def make_module(node, shape):
    """The PyTorch module of a node whose (first) input has `shape`; None for those without one."""
    op = node["op"]
    if op == "BatchNorm":
        return torch.nn.BatchNorm2d(shape[0])
    if op == "Conv2d":
        return torch.nn.Conv2d(shape[0], node["out"], node["kernel"], node["stride"],
                               node["padding"], groups=node.get("groups", 1))
    if op == "ConvTranspose2d":
        return torch.nn.ConvTranspose2d(shape[0], node["out"], node["kernel"], node["stride"],
                                        node["padding"], node["output_padding"])
    if op == "Linear":
        return torch.nn.Linear(shape[0], node["out"])
    if op == "Recurrent":
        return torch.nn.LSTM(shape[0], node["hidden"], batch_first=True)
    return None


class Network(torch.nn.Module):
    def __init__(self, shape, nodes):
        super().__init__()
        self.nodes = nodes
        self.modules_by_name = {}
        # One pass over one sample tells each module the shape of its input.
        self.eval()
        self.run(torch.zeros(1, *shape), create=True)
        self.train()

    def run(self, x, create=False):
        values, last = {"input": x}, "input"
        for node in self.nodes:
            xs = [values[name] for name in node.get("inputs", [last])]
            if create:
                module = make_module(node, xs[0].shape[1:])
                if module is not None:
                    self.modules_by_name[node["name"]] = module
                    self.add_module(node["name"].replace(".", "/"), module.eval())
            values[node["name"]] = self.apply_node(node, xs)
            last = node["name"]
        return values[last]

    def apply_node(self, node, xs):
        op, x = node["op"], xs[0]
        if op == "Recurrent":
            return self.modules_by_name[node["name"]](x.squeeze(3).transpose(1, 2))[0][:, -1]
        if node["name"] in self.modules_by_name:
            return self.modules_by_name[node["name"]](x)
        if op == "MaxPool":
            return F.max_pool2d(x, node["kernel"], node["stride"], node["padding"])
        if op == "AdaptiveAvgPool":
            return F.adaptive_avg_pool2d(x, node["output"])
        if op == "Resize" and node["mode"] == "nearest":
            return F.interpolate(x, size=node["size"], mode="nearest")
        if op == "Resize":
            return F.interpolate(x, size=node["size"], mode="bilinear", align_corners=False)
        return {"Relu": lambda: F.relu(x), "Flatten": lambda: x.flatten(1),
                "Add": lambda: x + xs[1], "Identity": lambda: x,
                "Concat": lambda: torch.cat(xs, 1 + node.get("axis", 0))}[op]()

    def forward(self, x):
        return self.run(x)

    def named(self):
        """Parameters by their names in the zoo, in the order of the nodes."""
        return {f"{name}.{role}": value for name, module in self.modules_by_name.items()
                for role, value in module.named_parameters()}


# ---- recording -----------------------------------------------------------------------------------

def parameter_records(network, seeds):
    records = []
    for name, value in network.named().items():
        module = network.modules_by_name[name.rpartition(".")[0]]
        if isinstance(module, torch.nn.BatchNorm2d):
            scale, offset = 0.25, 1 if name.endswith("weight") else 0
        else:
            # The largest power of two up to what the zoo draws from: 1 / sqrt(inputs of a sum).
            if isinstance(module, torch.nn.LSTM):
                fan_in = module.hidden_size
            elif isinstance(module, torch.nn.ConvTranspose2d):
                fan_in = module.out_channels * math.prod(module.kernel_size)
            else:
                fan_in = math.prod(module.weight.shape[1:])
            scale, offset = 2.0 ** math.floor(-math.log2(fan_in) / 2), 0
        record = {"name": name, "shape": list(value.shape), "seed": next(seeds), "scale": scale}
        records.append({**record, "offset": offset} if offset else record)
    return records


class Run:
    """One training in one precision."""

    def __init__(self, record, optimizer, dtype):
        self.network = Network(record["input"], record["nodes"]).to(dtype)
        with torch.no_grad():
            for parameter in record["parameters"]:
                self.network.named()[parameter["name"]].copy_(tensor(parameter, dtype))
        self.inputs = tensor(record["inputs"], dtype)
        self.loss = {"cross_entropy": F.cross_entropy, "mse": F.mse_loss,
                     "huber": F.huber_loss}[record["loss"]]
        self.targets = self.inputs
        if "labels" in record:
            self.targets = labels(record["labels"])
        elif "targets" in record:
            self.targets = tensor(record["targets"], dtype)
        kind = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
        self.optimizer = kind(self.network.parameters(), **OPTIMIZERS[optimizer])

    def loss_of(self, batch):
        return self.loss(self.network(self.inputs[batch]), self.targets[batch])

    def train(self):
        """Losses of the steps, loss of batch 0 afterwards, norms of the first gradients."""
        losses, norms = [], {}
        for step in range(STEPS):
            self.optimizer.zero_grad()
            loss = self.loss_of(step % BATCHES)
            loss.backward()
            if step == 0:
                norms = {name: value.grad.norm().item()
                         for name, value in self.network.named().items()}
            self.optimizer.step()
            losses.append(loss.item())
        self.network.eval()
        with torch.no_grad():
            return losses, self.loss_of(0).item(), norms


def digits(value, count):
    return float(f"{value:.{count}g}")


def record_network(shape, loss, expected, nodes, seeds):
    network = Network(shape, nodes)
    count = sum(value.numel() for value in network.parameters())
    assert expected in (None, count), f"{count} trained values, {expected} in the zoo"
    record = {"input": list(shape), "loss": loss, "nodes": nodes,
              "parameters": parameter_records(network, seeds),
              "inputs": {"shape": [BATCHES, BATCH, *shape], "seed": next(seeds), "scale": 1}}
    if loss == "cross_entropy":
        record["labels"] = {"shape": [BATCHES, BATCH], "seed": next(seeds),
                            "classes": nodes[-1]["out"]}
    elif loss == "huber":
        record["targets"] = {"shape": [BATCHES, BATCH, nodes[-1]["out"]], "seed": next(seeds),
                             "scale": 2}
    record["runs"] = {}
    for optimizer, constants in OPTIMIZERS.items():
        exact, exact_eval, norms = Run(record, optimizer, torch.float64).train()
        single, single_eval, _ = Run(record, optimizer, torch.float32).train()
        distance = max(abs(a - b) for a, b in zip(exact, single))
        record["runs"][optimizer] = {
            **constants, "losses": [digits(value, 9) for value in exact],
            "float32_distance": digits(distance, 2)}
        if optimizer == "sgd":
            record["runs"][optimizer] |= {
                "eval_loss": digits(exact_eval, 9),
                "float32_eval_distance": digits(abs(exact_eval - single_eval), 2)}
    for parameter in record["parameters"]:
        size = norms[parameter["name"]]
        parameter["gradient_norm"] = digits(size, 7) if size >= 1e-12 else 0
    return record


def record_cross_entropy(seeds, smoothing, weighted, probabilities):
    record = {"outputs": {"shape": [5, 4], "seed": next(seeds), "scale": 4}}
    if probabilities:
        record["probabilities"] = {"shape": [5, 4], "seed": next(seeds), "scale": 0.5, "offset": 1}
    else:
        record["labels"] = {"shape": [5], "seed": next(seeds), "classes": 4}
    record["smoothing"] = smoothing
    if weighted:
        record["weights"] = {"shape": [4], "seed": next(seeds), "scale": 0.5, "offset": 1}
    outputs = tensor(record["outputs"], torch.float64).requires_grad_()
    wanted = (tensor(record["probabilities"], torch.float64) if probabilities
              else labels(record["labels"]))
    weights = tensor(record["weights"], torch.float64) if weighted else None
    loss = F.cross_entropy(outputs, wanted, weights, label_smoothing=smoothing)
    loss.backward()
    record["loss"] = digits(loss.item(), 9)
    record["gradient"] = [digits(value, 9) for value in outputs.grad.flatten().tolist()]
    return record


def text(value, indent=0):
    """JSON with lines for lists of objects and for objects that hold such; one line for others."""
    flat = json.dumps(value)
    if len(flat) + indent <= 110:
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f"{pad}{json.dumps(key)}: {text(item, indent + 1)}"
                                  for key, item in value.items()) + "\n" + " " * indent + "}"
    if isinstance(value, list) and isinstance(value[0], dict):
        return "[\n" + ",\n".join(pad + json.dumps(item) for item in value) + "\n" + \
            " " * indent + "]"
    return flat


def differences(old, new, path=""):
    """Where two recordings differ, apart from the last digits of what PyTorch computed."""
    if isinstance(old, dict) and isinstance(new, dict):
        if old.keys() != new.keys():
            return [f"{path}: other keys"]
        return [line for key in old if not key.startswith("float32")
                for line in differences(old[key], new[key], f"{path}/{key}")]
    if isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            return [f"{path}: other length"]
        return [line for i, (a, b) in enumerate(zip(old, new))
                for line in differences(a, b, f"{path}/{i}")]
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        same = math.isclose(old, new, rel_tol=1e-6, abs_tol=1e-12)
    else:
        same = old == new
    return [] if same else [f"{path}: {old} in the file, {new} now"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seeds = iter(range(101, 1 << 20))
    file = {"format": 1, "steps": STEPS, "batches": BATCHES, "batch": BATCH,
            "networks": {name: record_network(*definition, seeds)
                         for name, definition in networks().items()}}
    file["cross_entropy"] = [record_cross_entropy(seeds, *settings) for settings in (
        (0, False, False), (0.25, False, False), (0, True, False), (0.25, True, False),
        (0, False, True), (0, True, True))]
    if arguments.check:
        lines = differences(json.loads(FILE.read_text(encoding="utf-8")),
                            json.loads(json.dumps(file)))
        print("\n".join(lines) or "equal")
        return 1 if lines else 0
    FILE.write_text(text(file) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
