// From the channels of a recording to the windows that a network hears, as `predict` cuts them.

const MIN_MEAN_SHARE = 0.5, ALONE_SHARE = 0.9; // as in corpus/audio/channels.py
const SILENT_PEAK = 0.001; // -60 dBFS, as in corpus/audio/samples.py

const energyOf = (samples) => samples.reduce((sum, sample) => sum + sample * sample, 0);

// Returns one waveform of several: their mean, one by its number (from 1 on), the loudest, or by `auto` the mean unless
// that loses what they hold, because they cancel each other out or all but one are as good as empty.
export function mono(channels, choice) {
  if (channels.length === 1) return channels[0];
  if (Number.isInteger(+choice)) {
    if (channels[choice - 1]) return channels[choice - 1];
    throw new Error(`the model hears channel ${choice}, and the recording has ${channels.length}`);
  }
  const mean = channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
  if (choice === "mean") return mean;
  const energies = channels.map(energyOf), total = energies.reduce((sum, energy) => sum + energy), loudest = Math.max(...energies);
  const cancels = energyOf(mean) < (MIN_MEAN_SHARE * total) / channels.length ** 2, others = loudest <= ALONE_SHARE * total;
  return choice === "loudest" || (total > 0 && (cancels || !others)) ? channels[energies.indexOf(loudest)] : mean;
}

// Returns where windows start, so that together they cover all samples: the last one ends with them.
export function windowStarts(samples, window, hop) {
  const rest = Math.max(0, samples - window);
  return Array.from({ length: Math.ceil(rest / hop) + 1 }, (_, place) => Math.min(place * hop, rest));
}

// Returns samples that fill a window: with silence (`zero`), anew (`repeat`), or back and forth (`reflect`).
export function filled(samples, window, short) {
  if (samples.length >= window) return samples.slice(0, window);
  const found = new Float32Array(window), n = samples.length;
  found.set(samples);
  if (short === "zero" || !n) return found;
  for (let at = n; at < window; at++) {
    const turn = at % (2 * n);
    found[at] = short === "reflect" && turn >= n ? samples[2 * n - 1 - turn] : samples[at % n];
  }
  return found;
}

// Returns whether nothing in samples is loud enough to be heard.
export const isSilent = (samples) => samples.every((sample) => Math.abs(sample) <= SILENT_PEAK);
