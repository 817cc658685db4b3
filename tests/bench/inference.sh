#!/bin/sh
# The rows of bench/peers/inference are what the package itself prints on the core, and what the
# compiler's `size` says of its files. Folders without a peer's sources are errors.
# Usage: inference.sh EXPORT_NETWORKS ROOT
core=cortex-m4
flags="-mcpu=$core -mfpu=fpv4-sp-d16 -mfloat-abi=hard -mthumb -std=gnu99 -O2 -ffp-contract=off -fno-delete-null-pointer-checks"
for tool in python3 make; do
  command -v $tool > /dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

inference=$2/bench/peers/inference
exporter=$1
# refuses TEXT OPTION...: ends with an error that says TEXT.
refuses() {
  expected=$1
  shift
  printed=$("$inference" --exporter "$exporter" "$@" 2>&1) && { echo "no error with $*"; exit 1; }
  echo "$printed" | grep -qF "$expected" || { echo "expected '$expected', printed: $printed"; exit 1; }
}
refuses "holds no sources of CMSIS-NN" --cmsis-nn "$folder"
refuses "holds no sources of TensorFlow Lite Micro" --tflm "$folder"
mkdir -p "$folder/tflm/tensorflow/lite/python"
touch "$folder/tflm/tensorflow/lite/python/schema_py_generated.py"
refuses "lacks flatbuffers, gemmlowp, ruy" --tflm "$folder/tflm"
refuses "no onnx2c" --onnx2c "$folder"

"$inference" --exporter "$exporter" --networks CLS_1k --cores $core --keep "$folder" > "$folder/table"
status=$?
cat "$folder/table"
test $status = 0 || exit $status

for optimise in balanced speed; do
  cd "$folder/CLS_1k/$optimise" || exit 1
  printed=$(make -s -B -C bare_metal CORE=$core run 2>&1) || exit 1  # the emulator prints to stderr
  instructions=$(echo "$printed" | sed -n 's/^instructions of one inference: //p')
  stack=$(echo "$printed" | sed -n 's/^octets of stack below it: //p')
  arena=$(sed -n 's/^ *"arena_octets": \([0-9]*\).*/\1/p' report.json)
  arm-none-eabi-gcc $flags -I. -c net.c net_weights.c || exit 1
  flash=$(arm-none-eabi-size --totals net.o net_weights.o | awk '/TOTALS/ { print $1 + $2 }')
  row="| CLS_1k | $core | $optimise | $instructions | $flash | $((arena + stack)) |"
  grep -qF "$row" "$folder/table" || { echo "expected in the table: $row"; exit 1; }
done
