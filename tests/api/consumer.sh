#!/bin/sh
# consumer.sh BUILD SOURCE CMAKE: installs Platypus into a folder of its own, builds the example program against it with
# find_package, and runs that.
set -eu
build=$1 source=$2 cmake=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$cmake" --install "$build" --prefix "$folder/prefix" > "$folder/install.log"
"$cmake" -S "$source/examples/cpp_api" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" > "$folder/configure.log"
"$cmake" --build "$folder/build" > "$folder/build.log" || { cat "$folder/build.log"; exit 1; }
cd "$folder"
prefix/bin/platypus init motor_vibration_small data > /dev/null
cat > config.yaml <<'YAML'
common: {task_type: generic_timeseries_classification, target_device: F28P55, run_name: test}
dataset: {dataset_name: motor, input_data_path: ./data}
data_processing_feature_extraction: {data_proc_transforms: [SimpleWindow], frame_size: 100, stride_size: 1, variables: 3}
training: {model_name: CLS_100_NPU, training_epochs: 2, batch_size: 32, optimizer: adam}
compilation: {verify_cores: [host]}
YAML
build/cpp_api config.yaml training.training_epochs=1 > out.txt
cat out.txt
grep -q 'train: epoch 1 of 1' out.txt
grep -q 'host: 0 of .* samples differ' out.txt
if build/cpp_api none.yaml 2> err.txt; then exit 1; fi
grep -q 'error: .*none.yaml' err.txt
