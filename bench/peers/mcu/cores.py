"""Programs on emulated cores, by the bare_metal/ folder of a generated package: compiler, flags,
start-up, linker script and emulator of each core are its Makefile's."""

import itertools
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class Failure(Exception):
    """A tool that is missing or failed; the text is for the user."""


def output_of(command, folder=None):
    try:
        result = subprocess.run(list(map(str, command)), cwd=folder, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, check=False)
    except FileNotFoundError as error:
        raise Failure(f"{error.filename} is not installed") from error
    if result.returncode != 0:
        raise Failure(f"'{' '.join(map(str, command))}' ended with {result.returncode}:\n"
                      f"{result.stdout[-3000:]}")
    return result.stdout


def variable(bare_metal, core, name):
    """A variable of the Makefile for one core, as words."""
    words = output_of(["make", "-s", "-C", bare_metal, "SOURCES=",
                       f"--eval=print-it: ; @echo '$({name}_{core})'", "print-it"]).split()
    if not words:
        raise Failure(f"there is no core '{core}'; there are: {', '.join(names(bare_metal))}")
    return words


def names(bare_metal):
    return re.findall(r"^CC_(\S+) =", (bare_metal / "Makefile").read_text(encoding="utf-8"), re.M)


def missing_tool(bare_metal, core):
    """The compiler or emulator of a core that is not installed, or None."""
    tools = [variable(bare_metal, core, name)[0] for name in ("CC", "RUN")]
    return next((tool for tool in tools if not shutil.which(tool)), None)


def number(text, what):
    found = re.search(rf"^{what}: (\d+)$", text, re.M)
    if not found:
        raise Failure(f"the program printed no '{what}':\n{text}")
    return int(found.group(1))


def run(bare_metal, core, **variables):
    """What the program prints; `variables` take the place of the Makefile's."""
    return output_of(["make", "-s", "-B", "-C", bare_metal, f"CORE={core}", "run"]
                     + [f"{name}={value}" for name, value in variables.items()])


def sizes(bare_metal, core, objects):
    """Octets of code and constants, and of variables, of object files together."""
    program = re.sub("gcc$", "size", variable(bare_metal, core, "CC")[0])
    rows = [list(map(int, line.split()[:3]))
            for line in output_of([program, *objects]).splitlines()[1:]]
    return (sum(text + data for text, data, _ in rows),
            sum(data + bss for _, data, bss in rows))


def compile_files(bare_metal, core, flags, sources, folder):
    """The object files, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    output_of(variable(bare_metal, core, "CC") + variable(bare_metal, core, "FLAGS")
              + [*flags, "-c", *sources], folder)
    return [folder / (pathlib.Path(source).stem + ".o") for source in sources]


def library(bare_metal, core, flags, sources, folder):
    """The sources as a static library in `folder`, which is made once."""
    archive = folder / "library.a"
    if archive.exists():
        return archive.resolve()
    objects = []
    # Folders apart, in which files have the same names.
    for number_of_it, (_, files) in enumerate(itertools.groupby(sources, lambda file: file.parent)):
        objects += compile_files(bare_metal, core, flags, list(files), folder / str(number_of_it))
    archiver = variable(bare_metal, core, "CC")[0].removesuffix("gcc") + "ar"
    output_of([archiver, "rcs", archive, *objects])
    return archive.resolve()


def run_peer(package, core, folder, linked):
    """What main.c prints of network.h in `folder` and these object files and libraries."""
    bare_metal = folder / "bare_metal"
    shutil.copytree(package / "bare_metal", bare_metal, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("*.elf"))
    shutil.copy(HERE / "main.c", bare_metal / "main.c")
    return run(bare_metal, core, CFLAGS="-std=gnu99 -O2 -I..",
               SOURCES=" ".join(map(str, ["main.c", "core.c", *linked])))


def measure_peer(package, core, folder, linked):
    """Instructions, flash and RAM of network.h in `folder` and these object files and libraries.

    Flash: code and constants of all that network_run needs, without the C library. RAM: variables,
    scratch memory and the stack below one inference, without the network's input and output.
    """
    text = run_peer(package, core, folder, linked)
    # Linked for another link, so that a library's unused functions go and the C library stays out;
    # specs would bring a linker script.
    bare_metal = folder / "bare_metal"
    program = folder / f"{core}.o"
    target = [flag for flag in variable(bare_metal, core, "FLAGS")
              if not flag.startswith("--specs")]
    output_of(variable(bare_metal, core, "CC") + target
              + ["-r", "-nostdlib", "-Wl,--gc-sections,--entry=network_run",
                 "-Wl,--undefined=network_prepare", *linked, "-o", program])
    flash, variables = sizes(bare_metal, core, [program])
    return (number(text, "instructions of one inference"), flash,
            variables + number(text, "octets of scratch memory")
            + number(text, "octets of stack below it"))
