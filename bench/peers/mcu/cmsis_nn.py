"""C that computes the layers of layers.json (bench/export_networks.cc) with CMSIS-NN.

Shapes, weights and convolutions' factors are the network's. Codes 0 to 255 are held as -128 to 127.
Two things differ from our network, so that outputs are not compared: a fully connected layer has
one factor for all channels, as in TensorFlow Lite, and an average pool no factor at all.
"""

import json
import math

from . import cores

# What CMSIS-NN's own build uses.
FLAGS = ["-std=gnu99", "-Ofast", "-ffunction-sections", "-fdata-sections",
         "-fno-asynchronous-unwind-tables"]
FOLDERS = ["BasicMath", "Convolution", "FullyConnected", "NNSupport", "Pooling",
           "Transpose"]
ALIGNMENT = 16


def files_of(sources):
    """The C files of CMSIS-NN's integer functions."""
    files = [file.resolve() for name in FOLDERS
             for file in sorted((sources / f"Source/{name}Functions").glob("*.c"))
             if not file.stem.endswith(("_f16", "_f32", "_flt"))]
    if not files:
        raise cores.Failure(f"{sources} holds no sources of CMSIS-NN (Source/*Functions/*.c)")
    return files


def library(sources, package, core, folder):
    """These as a static library for a core."""
    return cores.library(package / "bare_metal", core,
                         FLAGS + ["-I", (sources / "Include").resolve()], files_of(sources), folder)


def factor(multiplier, shift=0):
    """multiplier * 2^-shift as CMSIS-NN has it: a multiplier of 31 bits and a shift to the left."""
    mantissa, exponent = math.frexp(math.ldexp(multiplier, -shift))
    rounded = round(mantissa * 2**31)
    return (rounded // 2, exponent + 1) if rounded == 2**31 else (rounded, exponent)


def ordered(layer, inner, outs):
    """A convolution's weights with channels innermost; ours are [out, in, height, width]."""
    height, width = layer["kernel"]
    taps = [(y, x) for y in range(height) for x in range(width)]

    def at(out, channel, tap):
        return layer["weight"][((out * inner + channel) * height + tap[0]) * width + tap[1]]

    if layer["groups"] > 1:
        return [at(out, 0, tap) for tap in taps for out in range(outs)]
    return [at(out, channel, tap) for out in range(outs) for tap in taps
            for channel in range(inner)]


class Image:
    """A tensor [C, H, W] in CMSIS-NN's order; time, which is our height, is its width."""

    def __init__(self, tensor, shape, lowest):
        channels, height, width = (shape + [1, 1])[:3]
        self.tensor = tensor
        self.flipped = width == 1
        self.channels = channels
        self.height, self.width = self.turn(height, width)
        self.offset = 128 if lowest == 0 else 0  # real code = code in memory + offset

    def turn(self, along_height, along_width):
        return (along_width, along_height) if self.flipped else (along_height, along_width)

    def size(self):
        return self.channels * self.height * self.width

    def dims(self):
        return dims(1, self.height, self.width, self.channels)


def dims(*extents):
    return "&(const cmsis_nn_dims){" + ", ".join(map(str, extents)) + "}"


def tile(pair):
    return "{" + f".w = {pair[1]}, .h = {pair[0]}" + "}"


class Writer:
    """Goes through the layers in order; `calls` become the body of network_run."""

    def __init__(self, network):
        self.tables, self.calls, self.sums, self.scratch = [], [], [], []
        self.images = {}  # by tensor
        self.uses = []  # of each call: tensors read, tensor written
        self.first = self.last = None
        for position, layer in enumerate(network["layers"]):
            following = network["layers"][position + 1:]
            getattr(self, layer["kind"])(layer, following[0] if following else None)

    def table(self, kind, values):
        name = f"t{len(self.tables)}"
        self.tables.append(f"static const {kind} {name}[] = {{{', '.join(map(str, values))}}};")
        return name

    def result(self, layer):
        image = Image(layer["output"], layer["shape"], layer["lowest"])
        self.last = self.images[layer["output"]] = image
        return image

    def call(self, function, arguments, inputs, output):
        self.calls.append((function, arguments))
        self.uses.append(([image.tensor for image in inputs], output.tensor))

    def input_of(self, layer):
        return self.images[layer["inputs"][0]]

    def input(self, layer, _):
        self.first = self.result(layer)

    def requantize(self, layer, _):
        """Computed by the layer before it."""

    def flatten(self, layer, _):
        """Images of one position have no other order than vectors."""
        self.images[layer["output"]] = self.input_of(layer)

    def offsets(self, source, result):
        return (f".input_offset = {source.offset}, .output_offset = {-result.offset}, "
                + self.limits())

    @staticmethod
    def limits():
        return ".activation = {-128, 127}"

    @staticmethod
    def window(layer, source, result):
        """Padding before is half of what the shapes need, rounded down, as TensorFlow's "same": on
        Helium CMSIS-NN refuses lines that are padded otherwise. The work is the same."""
        steps = source.turn(*layer["stride"])
        padding = [max(0, (outs - 1) * step + kernel - ins) // 2
                   for outs, step, kernel, ins in zip((result.height, result.width), steps,
                                                      source.turn(*layer["kernel"]),
                                                      (source.height, source.width))]
        return f".stride = {tile(steps)}, .padding = {tile(padding)}"

    def conv(self, layer, rounding):
        source, result = self.input_of(layer), self.result(rounding)
        height, width = layer["kernel"]
        inner = source.channels // layer["groups"]
        outs = result.channels
        weights = ordered(layer, inner, outs)
        depthwise = layer["groups"] > 1
        factors = list(map(factor, rounding["multiplier"], rounding["shift"]))
        multipliers = self.table("int32_t", [pair[0] for pair in factors])
        shifts = self.table("int32_t", [pair[1] for pair in factors])
        extents = source.turn(height, width)
        kernel = dims(1, *extents, outs) if depthwise else dims(outs, *extents, inner)
        parameters = ("&(const cmsis_nn_dw_conv_params){.ch_mult = 1, " if depthwise
                      else "&(const cmsis_nn_conv_params){")
        parameters += (f"{self.offsets(source, result)}, {self.window(layer, source, result)}, "
                       ".dilation = {1, 1}}")
        function = f"arm_{'depthwise_conv' if depthwise else 'convolve'}_wrapper_s8"
        self.scratch.append(f"{function}_get_buffer_size({parameters}, {source.dims()}, {kernel}, "
                            f"{result.dims()})")
        self.call(function,
                  ["&scratch", parameters,
                   "&(const cmsis_nn_per_channel_quant_params)"
                   f"{{(int32_t *){multipliers}, (int32_t *){shifts}}}",
                   source.dims(), source, kernel, self.table("int8_t", weights), dims(1, 1, 1, outs),
                   self.table("int32_t", rounding["offset"]), result.dims(), result],
                  [source], result)

    def linear(self, layer, rounding):
        source, result = self.input_of(layer), self.result(rounding)
        ins, outs = source.size(), result.channels
        weights = self.table("int8_t", layer["weight"])
        bias = self.table("int32_t", rounding["offset"])
        multiplier, shift = factor(rounding["multiplier"][0], rounding["shift"][0])
        sums = f"sums{len(self.sums)}"
        self.sums.append((sums, outs, f"arm_vector_sum_s8({sums}, {ins}, {outs}, {weights}, "
                                      f"{source.offset}, 0, {bias})"))
        self.call("arm_fully_connected_s8",
                  [f"&(const cmsis_nn_context){{SUMS({sums}), 0}}",
                   f"&(const cmsis_nn_fc_params){{{self.offsets(source, result)}}}",
                   f"&(const cmsis_nn_per_tensor_quant_params){{{multiplier}, {shift}}}",
                   dims(1, 1, 1, ins), source, dims(ins, 1, 1, outs), weights,
                   dims(1, 1, 1, outs), bias, dims(1, 1, 1, outs), result],
                  [source], result)

    def pool(self, function, layer, source, result):
        self.call(function,
                  ["&scratch",
                   f"&(const cmsis_nn_pool_params){{{self.window(layer, source, result)}, "
                   f"{self.limits()}}}",
                   source.dims(), source, dims(1, *source.turn(*layer["kernel"]), 1),
                   result.dims(), result],
                  [source], result)

    def max_pool(self, layer, _):
        source = self.input_of(layer)
        self.pool("arm_max_pool_s8", layer, source,
                  self.result({**layer, "lowest": 0 if source.offset else -128}))

    def sum_pool(self, layer, rounding):
        source, result = self.input_of(layer), self.result(rounding)
        self.scratch.append(f"arm_avgpool_s8_get_buffer_size({result.width}, {source.channels})")
        self.pool("arm_avgpool_s8", layer, source, result)

    def add(self, layer, _):
        """Factors as TensorFlow Lite chooses them, of inputs shifted by 20 bits to the left."""
        sources = [self.images[tensor] for tensor in layer["inputs"]]
        result = self.result(layer)
        scales = [math.ldexp(multiplier, -layer["shift"]) for multiplier in layer["multipliers"]]
        twice = 2 * max(scales)
        inputs = [value for source, scale in zip(sources, scales)
                  for value in (source.offset, *factor(scale / twice))]
        self.call("arm_elementwise_add_s8",
                  [*sources, *inputs, 20, result, -result.offset, *factor(twice, 20), -128, 127,
                   result.size()],
                  sources, result)

    def places(self):
        """Offset of each tensor in the arena, and the arena's octets: largest first, each as low as
        those allow that live at the same time."""
        lives = {}
        for call, (inputs, output) in enumerate(self.uses):
            for tensor in [*inputs, output]:
                first, _ = lives.get(tensor, (call, call))
                lives[tensor] = (first, call)
        for outside in self.first, self.last:
            lives.pop(outside.tensor)
        placed = {}
        for tensor in sorted(lives, key=lambda tensor: -self.images[tensor].size()):
            size = self.images[tensor].size()
            start = 0
            for other, at in sorted(placed.items(), key=lambda item: item[1]):
                apart = lives[other][1] < lives[tensor][0] or lives[tensor][1] < lives[other][0]
                if not apart and at < start + size:
                    start = max(start, at + self.images[other].size())
                    start += -start % ALIGNMENT
            placed[tensor] = start
        return placed, max((placed[t] + self.images[t].size() for t in placed), default=1)

    def text(self):
        places, octets = self.places()

        def argument(value):
            if not isinstance(value, Image):
                return str(value)
            if value is self.first:
                return "in"
            return "out" if value is self.last else f"arena + {places[value.tensor]}"

        lines = ['#include "network.h"', '#include "arm_nnfunctions.h"', *self.tables,
                 f"static int8_t arena[{octets}] __attribute__((aligned({ALIGNMENT})));",
                 # Only Helium wants sums over the rows of weights, which are made once.
                 "#if defined(ARM_MATH_MVEI)", "#define SUMS(name) name",
                 *[f"static int32_t {name}[{count}];" for name, count, _ in self.sums],
                 "#else", "#define SUMS(name) 0", "#endif",
                 "void network_prepare(void) {", "#if defined(ARM_MATH_MVEI)",
                 *[f"  (void){call};" for _, _, call in self.sums], "#endif", "}",
                 "unsigned long network_scratch(void) {",
                 f"  const int32_t needed[] = {{{', '.join(['0', *self.scratch])}}};",
                 "  unsigned long most = 0;",
                 "  for (unsigned i = 0; i < sizeof needed / sizeof *needed; ++i)",
                 "    if (needed[i] > (int32_t)most) most = (unsigned long)needed[i];",
                 "  return most;", "}",
                 "int network_run(const int8_t *in, int8_t *out, void *memory) {",
                 "  const cmsis_nn_context scratch = {memory, 0};"]
        for function, arguments in self.calls:
            lines.append(f"  if ({function}({', '.join(map(argument, arguments))}) != "
                         "ARM_CMSIS_NN_SUCCESS) return 1;")
        return "\n".join([*lines, "  return 0;", "}", ""])


HEADER = """#include <stdint.h>
typedef int8_t network_value;
enum {{ NETWORK_IN = {ins}, NETWORK_OUT = {outs} }};
void network_prepare(void);
unsigned long network_scratch(void);
int network_run(const int8_t *in, int8_t *out, void *memory);
"""


def measure(sources, package, layers, core, folder):
    network = json.loads(layers.read_text(encoding="utf-8"))
    writer = Writer(network)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.h").write_text(
        HEADER.format(ins=writer.first.size(), outs=writer.last.size()), encoding="utf-8")
    (folder / "network.c").write_text(writer.text(), encoding="utf-8")
    objects = cores.compile_files(
        package / "bare_metal", core,
        [*FLAGS, "-I", (sources / "Include").resolve(), "-I", folder], [folder / "network.c"],
        folder / core)
    archive = library(sources, package, core, folder.parent / f"cmsis-nn-{core}")
    return cores.measure_peer(package, core, folder, [*objects, archive])
