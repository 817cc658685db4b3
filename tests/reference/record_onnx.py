#!/usr/bin/env python3
"""Exports small networks by torch.onnx and records what PyTorch computes for them: tests/onnx/data.

    python3 tests/reference/record_onnx.py        (PyTorch 1.13)

For every network NAME: NAME.onnx, NAME_input.f32 (four samples) and NAME_output.f32, raw float32.
Seeds are fixed; the same PyTorch writes the same files. tests/onnx/recorded_test.cc reads them.
"""
import pathlib

import torch
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "onnx" / "data"


class Conv1d(nn.Module):
    """Series of three axes, uneven padding, squeeze-and-excite, mean over time."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(2, 8, 5, stride=2, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(8)
        self.depthwise = nn.Conv1d(8, 8, 3, padding=1, groups=8)
        self.squeeze = nn.Conv1d(8, 4, 1)
        self.excite = nn.Conv1d(4, 8, 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.first((x - 0.25) / 1.5)))
        x = nn.functional.max_pool1d(nn.functional.pad(x, (1, 2)), 2)
        gate = x.mean(dim=2, keepdim=True)
        gate = torch.sigmoid(self.excite(nn.functional.relu6(self.squeeze(gate))))
        x = self.depthwise(x * gate)
        return torch.log_softmax(self.head(x.mean(dim=-1)), dim=1)


class Image(nn.Module):
    """Rows and columns, joined branches, resizing, a view whose shape is computed."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.left = nn.Conv2d(4, 4, (3, 1), padding=(1, 0))
        self.right = nn.Conv2d(4, 4, 1)
        self.up = nn.ConvTranspose2d(8, 3, 2, stride=2, bias=False)
        self.head = nn.Sequential(nn.Linear(90, 6), nn.Hardswish(), nn.Dropout(0.1), nn.Linear(6, 2))

    def forward(self, x):
        x = nn.functional.leaky_relu(self.first(x), 0.2)
        x = nn.functional.avg_pool2d(x, 2)
        x = torch.cat([torch.tanh(self.left(x)), self.right(x)], dim=1)
        x = nn.functional.interpolate(self.up(x), scale_factor=2, mode="nearest")
        x = nn.functional.adaptive_avg_pool2d(x, (3, 4))
        x = nn.functional.interpolate(x, size=(5, 6), mode="bilinear", align_corners=False)
        return self.head(x.view(x.size(0), -1))


class Series(nn.Module):
    """Two GRU layers and an LSTM, the last step, GELU and layer normalisation."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3, 5)
        self.gru = nn.GRU(5, 6, num_layers=2, batch_first=True)
        self.lstm = nn.LSTM(6, 4, batch_first=True)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = nn.functional.gelu(self.embed(x))
        x, _ = self.gru(x)
        x, _ = self.lstm(x)
        return self.head(self.norm(x[:, -1]))


def record(name, network, shape, opset, **options):
    torch.manual_seed(7)
    network = network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.6, 0.6)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.5, 1.5)
    network.eval()
    torch.onnx.export(network, torch.zeros(1, *shape), str(FOLDER / f"{name}.onnx"), opset_version=opset, **options)
    samples = torch.rand(4, *shape) * 3 - 1
    with torch.no_grad():
        outputs = torch.cat([network(sample[None]) for sample in samples])
    samples.numpy().astype("<f4").tofile(FOLDER / f"{name}_input.f32")
    outputs.numpy().astype("<f4").tofile(FOLDER / f"{name}_output.f32")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    record("conv1d", Conv1d, (2, 32), 11, do_constant_folding=False, training=torch.onnx.TrainingMode.EVAL)
    record("image", Image, (1, 12, 8), 12, input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    record("series", Series, (9, 3), 17)


if __name__ == "__main__":
    main()
