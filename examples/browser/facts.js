// What a file of `predict export` says of itself. onnxruntime-web does not tell the metadata of a model, so it is read
// from the file: an ONNX file is a protobuf message, and its fields 14 are pairs of a key (1) and a value (2).

const METADATA = 14, KEY = 1, VALUE = 2;

function* fieldsOf(bytes) {
  let at = 0;
  const number = () => {
    for (let found = 0, scale = 1; at < bytes.length && scale < 2 ** 63; scale *= 128) {
      const byte = bytes[at++];
      found += (byte % 128) * scale;
      if (byte < 128) return found;
    }
    throw new Error("it is no ONNX file");
  };
  while (at < bytes.length) {
    const tag = number(), field = Math.floor(tag / 8), type = tag % 8;
    if (type === 0) {
      number();
      continue;
    }
    const length = type === 2 ? number() : { 1: 8, 5: 4 }[type];
    if (length === undefined || at + length > bytes.length) throw new Error("it is no ONNX file, or not all of one");
    if (type === 2) yield [field, bytes.subarray(at, at + length)];
    at += length;
  }
}

// Returns the metadata of an ONNX file, an object of strings.
export function metadataOf(bytes) {
  const words = new TextDecoder(), found = {};
  for (const [field, entry] of fieldsOf(bytes)) {
    if (field !== METADATA) continue;
    const pair = Object.fromEntries(fieldsOf(entry));
    found[words.decode(pair[KEY])] = words.decode(pair[VALUE]);
  }
  return found;
}

// Returns what is needed to ask a file: sizes in samples, emotions with their thresholds, how recordings are heard.
export function factsOf(bytes) {
  const said = metadataOf(bytes);
  if (!said.emoclr) throw new Error("it is no file of predict export");
  if (said.output !== "probabilities") throw new Error("it gives embeddings, as encoders do; export an ensemble or one of its networks");
  const rate = +said.sample_rate;
  return {
    rate,
    window: Math.round(said.window_s * rate),
    hop: Math.round(said.hop_s * rate),
    short: said.short,
    channels: said.channels,
    emotions: JSON.parse(said.emotions),
    thresholds: JSON.parse(said.thresholds),
    alone: JSON.parse(said.single_label),
    about: { name: said.name, limits: said.limits, licence: said.licence },
  };
}

// Returns the positions of the emotions that probabilities name; none where all are below their threshold.
export function namedBy(facts, probabilities) {
  const all = [...facts.emotions.keys()];
  if (!facts.alone) return all.filter((place) => probabilities[place] >= facts.thresholds[place]);
  return [all.reduce((best, place) => (probabilities[place] > probabilities[best] ? place : best))];
}
