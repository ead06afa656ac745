// node ort_latency.mjs ORT_FOLDER MODEL BATCH CALLS: median seconds of one call of ONNX Runtime on a model that takes
// [batch, 1, 28, 28], one thread, all of its graph optimisations.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [folder, model, batch, calls] = process.argv.slice(2);
const ort = createRequire(join(resolve(folder), 'package.json'))('onnxruntime-node');
const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 4,
});
const n = Number(batch);
const values = new Float32Array(n * 784).map((_, i) => (i % 7 < 3 ? 0 : (i % 256) / 255));
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', values, [n, 1, 28, 28]) };
const times = [];
for (let i = 0; i < Number(calls) + 10; ++i) {
  const begun = process.hrtime.bigint();
  await session.run(feeds);
  if (i >= 10) times.push(Number(process.hrtime.bigint() - begun) / 1e9);
}
times.sort((a, b) => a - b);
console.log(times[times.length >> 1]);
