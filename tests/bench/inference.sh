#!/bin/sh
# The rows of bench/peers/inference are what the package itself prints on the core, and what the
# compiler's `size` says of its files. Usage: inference.sh EXPORT_NETWORKS ROOT
core=cortex-m4
flags="-mcpu=$core -mfpu=fpv4-sp-d16 -mfloat-abi=hard -mthumb -std=gnu99 -O2 -ffp-contract=off -fno-delete-null-pointer-checks"
for tool in python3 make; do
  command -v $tool > /dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

"$2/bench/peers/inference" --exporter "$1" --networks CLS_1k --cores $core --keep "$folder" > "$folder/table"
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
