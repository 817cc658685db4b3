// node run_onnx.js MODEL INPUT COUNT OUTPUT: runs COUNT samples (raw float32, one after the other) through a model of
// batch 1 and writes the outputs likewise.
const fs = require('fs');
const ort = require('onnxruntime-node');

async function main() {
  const [model, input, count, output] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(model, {graphOptimizationLevel: 'disabled', intraOpNumThreads: 1});
  const bytes = fs.readFileSync(input);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const dims = process.argv[6].split('x').map(Number);
  const size = dims.reduce((a, b) => a * b, 1);
  const results = [];
  for (let i = 0; i < Number(count); ++i) {
    const tensor = new ort.Tensor('float32', values.slice(i * size, (i + 1) * size), dims);
    const out = await session.run({[session.inputNames[0]]: tensor});
    results.push(Buffer.from(Float32Array.from(out[session.outputNames[0]].data).buffer));
  }
  fs.writeFileSync(output, Buffer.concat(results));
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
