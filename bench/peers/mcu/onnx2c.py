"""C that onnx2c makes of float.onnx (bench/export_networks.cc). It has no integers of 8 bits that
would be computed as integers, so floats are compared with floats."""

import re
import shutil

from . import cores

FLAGS = ["-std=gnu99", "-Ofast", "-ffunction-sections", "-fdata-sections",
         "-fno-asynchronous-unwind-tables"]

HEADER = """typedef float network_value;
enum {{ NETWORK_IN = {ins}, NETWORK_OUT = {outs} }};
void network_prepare(void);
unsigned long network_scratch(void);
int network_run(const float *in, float *out, void *memory);
"""
# Behind onnx2c's text, whose entry takes arrays.
FOOTER = """
#include "network.h"
void network_prepare(void) {{}}
unsigned long network_scratch(void) {{ return 0; }}
int network_run(const float *in, float *out, void *memory) {{
  (void)memory;
  entry((const float(*){ins})in, (float(*){outs})out);
  return 0;
}}
"""


def program_of(path):
    """onnx2c itself, or the one in a folder of sources that was built as its README says."""
    for candidate in path, path / "onnx2c", path / "build" / "onnx2c":
        if candidate.is_file():
            return candidate.resolve()
    found = shutil.which(str(path))
    if not found:
        raise cores.Failure(f"{path} is no program, and holds no onnx2c or build/onnx2c")
    return found


def elements(extents):
    product = 1
    for extent in re.findall(r"\d+", extents):
        product *= int(extent)
    return product


def measure(path, package, onnx, core, folder):
    text = cores.output_of([program_of(path), onnx.resolve()])
    entry = re.search(r"void entry\(const float \w+\[1\]((?:\[\d+\])+), "
                      r"float \w+\[1\]((?:\[\d+\])+)\)", text)
    if not entry:
        raise cores.Failure("onnx2c wrote no function entry of one input and one output")
    ins, outs = entry.groups()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.h").write_text(HEADER.format(ins=elements(ins), outs=elements(outs)),
                                      encoding="utf-8")
    (folder / "network.c").write_text(text + FOOTER.format(ins=ins, outs=outs), encoding="utf-8")
    objects = cores.compile_files(package / "bare_metal", core, [*FLAGS, "-I", folder],
                                  [folder / "network.c"], folder / core)
    return cores.measure_peer(package, core, folder, objects)
