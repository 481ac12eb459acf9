// Runs a file of `predict export` beside the page, so that the page stays alive: a model comes first, then windows.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";

let session = null;

async function answer({ model, window }) {
  if (model) session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ["wasm"] });
  if (!window) return null;
  const found = await session.run({ waveforms: new ort.Tensor("float32", window, [1, window.length]) });
  return found.probabilities.data;
}

// One after the other: a session runs once at a time.
let before = Promise.resolve();
addEventListener("message", ({ data }) => {
  before = before.then(async () => {
    try {
      postMessage({ id: data.id, found: await answer(data) });
    } catch (error) {
      postMessage({ id: data.id, error: String(error?.message ?? error) });
    }
  });
});
