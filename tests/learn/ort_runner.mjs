// Runs ONNX models on ONNX Runtime: node ort_runner.mjs ORT_DIR MANIFEST
// MANIFEST is JSON: [{ "model": path, "inputs": [{ "name", "type", "shape", "file" }], "outputs": path prefix }, ...].
// Output k of a case is written raw to "<prefix><k>.raw"; MANIFEST.results lists { "outputs": [{ "type", "shape" }] } or
// { "error": text } for each case.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const [, , directory, manifest] = process.argv;
const require = createRequire(path.join(path.resolve(directory), 'package.json'));
const ort = require('onnxruntime-node');

const arrays = {
  float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array,
  int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};

function read(input) {
  const bytes = readFileSync(input.file);
  const copy = new Uint8Array(bytes).buffer;
  return new ort.Tensor(input.type, new arrays[input.type](copy), input.shape);
}

async function run(one) {
  const session = await ort.InferenceSession.create(one.model, {
    intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'disabled', logSeverityLevel: 4,
  });
  const feeds = {};
  for (const input of one.inputs) feeds[input.name] = read(input);
  const results = await session.run(feeds);
  const outputs = session.outputNames.map((name, k) => {
    const tensor = results[name];
    const data = tensor.data;
    writeFileSync(`${one.outputs}${k}.raw`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { type: tensor.type, shape: Array.from(tensor.dims) };
  });
  await session.release();
  return { outputs };
}

const results = [];
for (const one of JSON.parse(readFileSync(manifest, 'utf8'))) {
  try {
    results.push(await run(one));
  } catch (error) {
    results.push({ error: String(error.message ?? error) });
  }
}
writeFileSync(`${manifest}.results`, JSON.stringify(results));
