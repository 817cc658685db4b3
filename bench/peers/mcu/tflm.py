"""The layers of layers.json (bench/export_networks.cc) as a .tflite model, run by TensorFlow Lite
Micro's interpreter, with its own kernels or CMSIS-NN's.

Shapes, weights and factors are the network's: a tensor's scale is what one of our codes stands for,
a weight's what makes our factor of it. Codes 0 to 255 are held as -128 to 127. An average pool has
neither factor nor offset there: ours go into the layer behind it. Padding is TensorFlow's, half of
what is missing, rounded down. Where that is ours too, outputs differ by rounding alone.
"""

import array
import bisect
import importlib.util
import itertools
import json
import math
import sys

from . import cmsis_nn, cores

DOWNLOADS = "tensorflow/lite/micro/tools/make/downloads"
SCHEMA = "tensorflow/lite/python/schema_py_generated.py"
# Its Makefile's release build: kernels for speed, all else for size.
FLAGS = ["-std=c++17", "-fno-rtti", "-fno-exceptions", "-fno-threadsafe-statics",
         "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-ffunction-sections",
         "-fdata-sections", "-DTF_LITE_STATIC_MEMORY", "-DNDEBUG", "-DTF_LITE_STRIP_ERROR_STRINGS",
         "-DKERNELS_OPTIMIZED_FOR_SPEED"]
CMSIS_NN_FLAGS = ["-DCMSIS_NN", "-DARM_NN_ENABLE_F16=0", "-DARM_NN_ENABLE_F32=0"]
CORE = ["tensorflow/lite/micro", "tensorflow/lite/micro/arena_allocator",
        "tensorflow/lite/micro/memory_planner", "tensorflow/lite/micro/tflite_bridge",
        "tensorflow/lite/core/**", "tensorflow/lite/kernels/**", "tensorflow/compiler/mlir/lite/**"]
KERNELS = ["add", "conv", "depthwise_conv", "fully_connected", "pooling"]
LARGE_ARENA, ARENA_STEP, MOST_EXCESS = 2**20, 64, 2**14
ALIGNMENT = 16  # of constants in a model, and of the arena

# Operator of the schema: how the resolver calls it, type of its options.
OPERATORS = {"CONV_2D": ("Conv2D", "Conv2DOptions"),
             "DEPTHWISE_CONV_2D": ("DepthwiseConv2D", "DepthwiseConv2DOptions"),
             "FULLY_CONNECTED": ("FullyConnected", "FullyConnectedOptions"),
             "AVERAGE_POOL_2D": ("AveragePool2D", "Pool2DOptions"),
             "MAX_POOL_2D": ("MaxPool2D", "Pool2DOptions"),
             "ADD": ("Add", "AddOptions")}


def check(sources):
    """A folder that is no checkout, or one whose build has downloaded nothing yet, is an error."""
    if not (sources / SCHEMA).is_file():
        raise cores.Failure(f"{sources} holds no sources of TensorFlow Lite Micro ({SCHEMA})")
    missing = [name for name in ("flatbuffers", "gemmlowp", "ruy")
               if not (sources / DOWNLOADS / name).is_dir()]
    if missing:
        raise cores.Failure(
            f"{sources / DOWNLOADS} lacks {', '.join(missing)}; in {sources}: "
            "make -f tensorflow/lite/micro/tools/make/Makefile third_party_downloads")


def check_compiler(bare_metal, core):
    compiler = cores.variable(bare_metal, core, "CC")
    try:
        cores.output_of([*compiler, *cores.variable(bare_metal, core, "FLAGS"), "-x", "c++", "-E",
                         "-include", "cstdint", "/dev/null"])
    except cores.Failure:
        raise cores.Failure(f"{compiler[0]} has no library of standard C++, which TFLM wants "
                            "(for Arm: libstdc++-arm-none-eabi-newlib)") from None


def downloaded_cmsis_nn(sources):
    """The CMSIS-NN that TensorFlow Lite Micro's build has downloaded, or None."""
    folder = sources / DOWNLOADS / "cmsis_nn"
    return folder if folder.is_dir() else None


def schema_of(sources):
    """What the schema's compiler made for Python, and the module on which that stands."""
    sys.path.insert(0, str((sources / DOWNLOADS / "flatbuffers/python").resolve()))
    specification = importlib.util.spec_from_file_location("tflite_schema", sources / SCHEMA)
    schema = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(schema)
    return schema


def units(layers):
    """What one of our codes stands for, by tensor: 1, unless a factor of an addition or an average
    behind it has no other place than the ratio of two scales."""
    found = {}
    for layer in reversed(layers):
        unit = found.get(layer["output"], 1.0)
        factors = []
        if layer["kind"] == "add":
            factors = [math.ldexp(value, -layer["shift"]) for value in layer["multipliers"]]
        elif layer["kind"] == "requantize" and len(layer["multiplier"]) == 1:
            factors = [math.ldexp(layer["multiplier"][0], -layer["shift"][0])]
        elif layer["kind"] == "sum_pool":
            factors = [math.prod(layer["kernel"])]
        elif layer["kind"] in ("max_pool", "flatten"):
            factors = [1]
        for tensor, factor in zip(layer["inputs"], factors):
            if not math.isclose(found.setdefault(tensor, unit * factor), unit * factor):
                raise cores.Failure(f"the layers behind tensor {tensor} want different scales")
    return found


class Model:
    """Goes through the layers in order and makes the schema's objects of them."""

    def __init__(self, schema, network):
        self.schema = schema
        self.buffers = [schema.BufferT()]  # the first one stands for: no constant
        self.tensors, self.operators, self.kinds = [], [], []
        self.images, self.places = {}, {}  # by tensor; places are those in the model
        self.units = units(network["layers"])
        self.scales, self.offsets = {}, {}  # those of the model; what our averages add to its codes
        for position, layer in enumerate(network["layers"]):
            following = network["layers"][position + 1:]
            getattr(self, layer["kind"])(layer, following[0] if following else None)
        self.first, *_, self.last = self.images.values()

    def unit(self, tensor):
        return self.units.get(tensor, 1.0)

    def tensor(self, shape, kind, scales, zero_point=0, dimension=0, values=None):
        """Its place; one with values is a constant."""
        schema = self.schema
        if values is not None:
            self.buffers.append(schema.BufferT(data=values.tobytes()))
        self.tensors.append(schema.TensorT(
            shape=shape, type=kind, buffer=0 if values is None else len(self.buffers) - 1,
            quantization=schema.QuantizationParametersT(
                scale=scales, zeroPoint=[zero_point] * len(scales), quantizedDimension=dimension)))
        return len(self.tensors) - 1

    def result(self, layer, scale=None):
        """The image that a layer writes."""
        tensor = layer["output"]
        image = cmsis_nn.Image(tensor, layer["shape"], layer["lowest"])
        shape = ([1, image.channels] if len(layer["shape"]) == 1
                 else [1, image.height, image.width, image.channels])
        self.images[tensor] = image
        self.scales[tensor] = scale or self.unit(tensor)
        self.places[tensor] = self.tensor(shape, self.schema.TensorType.INT8, [self.scales[tensor]],
                                          -image.offset)
        return image

    def operator(self, kind, inputs, image, **options):
        if kind not in self.kinds:
            self.kinds.append(kind)
        name = OPERATORS[kind][1]
        self.operators.append(self.schema.OperatorT(
            opcodeIndex=self.kinds.index(kind), inputs=inputs, outputs=[self.places[image.tensor]],
            builtinOptionsType=getattr(self.schema.BuiltinOptions, name),
            builtinOptions=getattr(self.schema, name + "T")(**options)))

    def input_of(self, layer):
        return self.images[layer["inputs"][0]]

    def input(self, layer, _):
        self.result(layer)

    def requantize(self, layer, _):
        """Part of the layer before it."""

    def flatten(self, layer, _):
        """A fully connected layer takes images too; their order is its weights' matter."""
        before = layer["inputs"][0]
        for values in self.images, self.places, self.scales, self.offsets:
            if before in values:
                values[layer["output"]] = values[before]

    def window(self, layer, source, result):
        """Strides, and the kind of padding that makes this shape."""
        extents = list(zip((source.height, source.width), source.turn(*layer["kernel"]),
                           source.turn(*layer["stride"])))
        shape = [result.height, result.width]
        strides = {"strideH": extents[0][2], "strideW": extents[1][2]}
        if shape == [-(-size // step) for size, _, step in extents]:
            return {"padding": self.schema.Padding.SAME, **strides}
        if shape == [(size - kernel) // step + 1 for size, kernel, step in extents]:
            return {"padding": self.schema.Padding.VALID, **strides}
        raise cores.Failure(f"TensorFlow Lite has no padding like that of {layer['name']}")

    def weighted(self, kind, layer, rounding, shape, weights, **options):
        """A layer with one factor for each output channel."""
        before = layer["inputs"][0]
        held = self.scales[before] / self.unit(before)  # unlike 1 behind an average
        ratio = self.unit(rounding["output"]) / self.unit(before)
        scales = [math.ldexp(multiplier, -shift) * ratio
                  for multiplier, shift in zip(rounding["multiplier"], rounding["shift"])]
        types = self.schema.TensorType
        dimension = 3 if kind == "DEPTHWISE_CONV_2D" else 0
        row = len(layer["weight"]) // len(scales)
        bias = array.array("i", [
            round((value + self.offsets.get(before, 0) * sum(layer["weight"][at:at + row])) / held)
            for value, at in zip(rounding["offset"], range(0, len(layer["weight"]), row))])
        self.operator(
            kind,
            [self.places[before],
             self.tensor(shape, types.INT8, scales, dimension=dimension,
                         values=array.array("b", weights)),
             self.tensor([len(bias)], types.INT32,
                         [self.scales[before] * scale for scale in scales], values=bias)],
            self.images[rounding["output"]], **options)

    def conv(self, layer, rounding):
        source, result = self.input_of(layer), self.result(rounding)
        weights = cmsis_nn.ordered(layer, source.channels // layer["groups"], result.channels)
        extents = source.turn(*layer["kernel"])
        if layer["groups"] > 1:
            self.weighted("DEPTHWISE_CONV_2D", layer, rounding, [1, *extents, result.channels],
                          weights, depthMultiplier=1, **self.window(layer, source, result))
        else:
            self.weighted("CONV_2D", layer, rounding, [result.channels, *extents, source.channels],
                          weights, **self.window(layer, source, result))

    def linear(self, layer, rounding):
        source, result = self.input_of(layer), self.result(rounding)
        # Ours are in the order channel, position.
        positions = source.height * source.width
        weights = [layer["weight"][out * source.size() + channel * positions + position]
                   for out in range(result.channels) for position in range(positions)
                   for channel in range(source.channels)]
        self.weighted("FULLY_CONNECTED", layer, rounding, [result.channels, source.size()], weights)

    def pool(self, kind, layer, source, result):
        height, width = source.turn(*layer["kernel"])
        self.operator(kind, [self.places[source.tensor]], result, filterHeight=height,
                      filterWidth=width, **self.window(layer, source, result))

    def max_pool(self, layer, _):
        source = self.input_of(layer)
        self.pool("MAX_POOL_2D", layer, source,
                  self.result({**layer, "lowest": 0 if source.offset else -128}))

    def sum_pool(self, layer, rounding):
        source = self.input_of(layer)
        lowest = 0 if source.offset else -128
        self.pool("AVERAGE_POOL_2D", layer, source,
                  self.result({**rounding, "lowest": lowest}, self.scales[source.tensor]))
        self.offsets[rounding["output"]] = math.ldexp(
            rounding["offset"][0] * rounding["multiplier"][0], -rounding["shift"][0])

    def add(self, layer, _):
        self.operator("ADD", [self.places[tensor] for tensor in layer["inputs"]],
                      self.result(layer))

    def octets(self):
        import flatbuffers  # pylint: disable=import-outside-toplevel

        class Builder(flatbuffers.Builder):
            """Constants begin where the schema wants them, which its Python does not see to."""

            def StartVector(self, size, count, alignment):  # pylint: disable=invalid-name
                return super().StartVector(size, count, ALIGNMENT if size == 1 else alignment)

        schema = self.schema
        numbers = [getattr(schema.BuiltinOperator, kind) for kind in self.kinds]
        model = schema.ModelT(
            version=3, buffers=self.buffers,
            operatorCodes=[schema.OperatorCodeT(deprecatedBuiltinCode=number, builtinCode=number,
                                                version=1) for number in numbers],
            subgraphs=[schema.SubGraphT(tensors=self.tensors, operators=self.operators,
                                        inputs=[self.places[self.first.tensor]],
                                        outputs=[self.places[self.last.tensor]])])
        builder = Builder(0)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


HEADER = """#include <stdint.h>
typedef int8_t network_value;
enum {{ NETWORK_IN = {ins}, NETWORK_OUT = {outs} }};
#define NETWORK_ARENA network_arena()
#ifdef __cplusplus
extern "C" {{
#endif
void network_prepare(void);
unsigned long network_scratch(void);
unsigned long network_arena(void);
int network_run(const int8_t *in, int8_t *out, void *memory);
#ifdef __cplusplus
}}
#endif
"""

# Objects stand in memory of their own, so that nobody constructs or destroys them.
SOURCE = """#include "network.h"
#include <cstring>
#include <new>
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

using Interpreter = tflite::MicroInterpreter;
using Resolver = tflite::MicroMutableOpResolver<{count}>;
alignas({alignment}) static const unsigned char model[] = {{{model}}};
extern "C" unsigned char arena[];
extern "C" const unsigned long arena_octets;
alignas(Resolver) static unsigned char resolver_memory[sizeof(Resolver)];
alignas(Interpreter) static unsigned char interpreter_memory[sizeof(Interpreter)];
static Interpreter *interpreter;
static bool ready;

void network_prepare(void) {{
  Resolver *resolver = ::new (resolver_memory) Resolver;
{operators}
  interpreter = ::new (interpreter_memory)
      Interpreter(tflite::GetModel(model), *resolver, arena, arena_octets);
  ready = interpreter->AllocateTensors() == kTfLiteOk;
}}
// That of the C library wants an operating system; the harness tells of a fault.
extern "C" void abort(void) {{ __builtin_trap(); }}
unsigned long network_scratch(void) {{ return 0; }}
unsigned long network_arena(void) {{ return interpreter->arena_used_bytes(); }}
int network_run(const int8_t *in, int8_t *out, void *) {{
  if (!ready) return 1;
  std::memcpy(interpreter->input(0)->data.int8, in, NETWORK_IN);
  if (interpreter->Invoke() != kTfLiteOk) return 1;
  std::memcpy(out, interpreter->output(0)->data.int8, NETWORK_OUT);
  return 0;
}}
"""

ARENA = """unsigned char arena[{octets}] __attribute__((aligned(16)));
const unsigned long arena_octets = {octets};
"""


def source_of(model):
    operators = [f"  resolver->Add{OPERATORS[kind][0]}(tflite::Register_{kind}_INT8());"
                 for kind in model.kinds]
    return SOURCE.format(count=len(model.kinds), alignment=ALIGNMENT,
                         model=",".join(map(str, model.octets())), operators="\n".join(operators))


def flags_of(sources, cmsis):
    downloads = sources.resolve() / DOWNLOADS
    folders = [sources.resolve(), downloads, downloads / "gemmlowp",
               downloads / "flatbuffers/include", downloads / "ruy"]
    if cmsis:
        folders += [cmsis.resolve(), cmsis.resolve() / "Include"]
    return [*FLAGS, *(CMSIS_NN_FLAGS if cmsis else []),
            *itertools.chain.from_iterable(("-I", folder) for folder in folders)]


def core_files(sources):
    """The interpreter and what it stands on."""
    return [file for folder in CORE for file in sorted(sources.resolve().glob(folder + "/*.cc"))
            if not any(word in file.stem for word in ("test", "fake", "mock", "recording"))]


def kernel_files(sources, cmsis):
    """The kernels of OPERATORS; CMSIS-NN's stand in the place of those of the same name."""
    folder = sources.resolve() / "tensorflow/lite/micro/kernels"
    names = [f"{kernel}{end}.cc" for kernel in KERNELS for end in ("", "_common")]
    optimised = folder / "cmsis_nn"
    return [folder / "kernel_util.cc",
            *(optimised / name if cmsis and (optimised / name).is_file() else folder / name
              for name in names)]


def measure(sources, cmsis, package, layers, core, folder):
    """With CMSIS-NN's kernels if `cmsis` is the folder of its sources, or else the reference's."""
    bare_metal = package / "bare_metal"
    check_compiler(bare_metal, core)
    flags = flags_of(sources, cmsis)
    name = "tflm-cmsis-nn" if cmsis else "tflm"
    archives = [
        cores.library(bare_metal, core, [*flags, "-O2"], kernel_files(sources, cmsis),
                      folder.parent / f"{name}-kernels-{core}"),
        cores.library(bare_metal, core, [*flags_of(sources, None), "-Os"], core_files(sources),
                      folder.parent / f"tflm-{core}")]
    if cmsis:
        archives.append(cmsis_nn.library(cmsis, package, core, folder.parent / f"cmsis-nn-{core}"))
    model = Model(schema_of(sources), json.loads(layers.read_text(encoding="utf-8")))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.h").write_text(
        HEADER.format(ins=model.first.size(), outs=model.last.size()), encoding="utf-8")
    (folder / "network.cc").write_text(source_of(model), encoding="utf-8")
    objects = cores.compile_files(bare_metal, core, [*flags, "-Os", "-I", folder],
                                  [folder / "network.cc"], folder / core)

    def with_arena(octets):
        (folder / "arena.c").write_text(ARENA.format(octets=octets), encoding="utf-8")
        return [*objects, *archives, *cores.compile_files(bare_metal, core, [],
                                                          [folder / "arena.c"], folder / core)]

    # A run with a large arena tells what is in use at last; making it ready can take more, and with
    # less it fails, faults or writes where nothing is.
    text = cores.run_peer(package, core, folder, with_arena(LARGE_ARENA))
    used = cores.number(text, "octets of arena")
    output = cores.number(text, "digest of the output")

    def enough(octets):
        try:
            text = cores.run_peer(package, core, folder, with_arena(octets))
        except cores.Failure:
            return False
        return cores.number(text, "digest of the output") == output

    sizes = range(used + -used % ARENA_STEP, LARGE_ARENA, ARENA_STEP)
    least = bisect.bisect_left(sizes, True, hi=MOST_EXCESS // ARENA_STEP, key=enough)
    return cores.measure_peer(package, core, folder, with_arena(sizes[least]))
