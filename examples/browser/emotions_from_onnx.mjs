// Emotions over time by the file that `predict export` writes, in Node.js: a line of CSV for each window.
//
// npm install && node emotions_from_onnx.mjs emotions.onnx recording.wav

import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web/wasm";
import { factsOf, namedBy } from "./facts.js";
import { filled, mono, windowStarts } from "./windows.js";

// Returns the channels of a wav file with 16 bits a sample at a rate.
function readWav(path, rate) {
  const bytes = readFileSync(path), parts = {};
  for (let at = 12; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at + 4) + (bytes.readUInt32LE(at + 4) % 2))
    parts[bytes.toString("latin1", at, at + 4)] = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4));
  const form = parts["fmt "], fits = form && form.readUInt16LE(14) === 16 && form.readUInt32LE(4) === rate;
  if (!fits || !parts.data) throw new Error(`${path}: convert it first: ffmpeg -i ${path} -ar ${rate} -c:a pcm_s16le converted.wav`);
  const count = form.readUInt16LE(2), frames = Math.floor(parts.data.length / 2 / count);
  return Array.from({ length: count }, (_, channel) => Float32Array.from({ length: frames }, (_, at) => parts.data.readInt16LE(2 * (at * count + channel)) / 32768));
}

const [model, recording] = process.argv.slice(2), bytes = readFileSync(model), facts = factsOf(bytes);
const samples = mono(readWav(recording, facts.rate), facts.channels);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(bytes);
console.log(["start_s", "end_s", ...facts.emotions, "emotions"].join(","));
for (const start of windowStarts(samples.length, facts.window, facts.hop)) {
  const heard = samples.slice(start, start + facts.window), waveform = filled(heard, facts.window, facts.short);
  const { probabilities } = await session.run({ waveforms: new ort.Tensor("float32", waveform, [1, facts.window]) });
  const numbers = [start / facts.rate, (start + heard.length) / facts.rate, ...probabilities.data].map((number) => number.toFixed(4));
  console.log([...numbers, namedBy(facts, probabilities.data).map((place) => facts.emotions[place]).join(";")].join(","));
}
