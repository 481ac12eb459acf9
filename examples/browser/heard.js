// What was heard of a recording so far, and the windows of a microphone.

export const COLUMN_S = 0.02;

// Its loudness over time, and what the network says of its windows.
export class Heard {
  constructor() {
    this.duration_s = 0;
    this.peaks = []; // of each COLUMN_S
    this.windows = []; // { start_s, end_s, probabilities }, in their order; null where there is silence
  }

  addSamples(samples, rate) {
    const column = COLUMN_S * rate, before = Math.round(this.duration_s * rate), end = before + samples.length;
    for (let at = before; at < end; ) {
      const place = Math.floor(at / column), until = Math.min(end, Math.floor((place + 1) * column));
      let loudest = this.peaks[place] ?? 0;
      for (; at < until; at++) loudest = Math.max(loudest, Math.abs(samples[at - before]));
      this.peaks[place] = loudest;
    }
    this.duration_s = end / rate;
  }

  // Returns the parts of the recording between borders of windows, each with the mean of what the windows around say.
  moments() {
    const borders = [...new Set(this.windows.flatMap(({ start_s, end_s }) => [start_s, end_s]))].sort((one, other) => one - other);
    const found = [];
    let first = 0;
    borders.slice(1).forEach((to_s, place) => {
      const from_s = borders[place];
      while (this.windows[first].end_s <= from_s) first++;
      const around = [];
      for (let at = first; at < this.windows.length && this.windows[at].start_s < to_s; at++) around.push(this.windows[at].probabilities);
      const told = around.filter(Boolean);
      const mean = told[0] && Array.from(told[0], (_, emotion) => told.reduce((sum, each) => sum + each[emotion], 0) / told.length);
      found.push({ from_s, to_s, probabilities: mean ?? null });
    });
    return found;
  }
}

// Cuts windows out of blocks of samples that never end; holds two windows of them.
export class LiveWindows {
  constructor(window, hop) {
    Object.assign(this, { window, hop, heard: 0, due: window, held: 0, channels: null });
  }

  // Returns the window that these samples complete: its start and its channels; null where they complete none.
  push(block) {
    const n = block[0].length;
    this.channels ??= block.map(() => new Float32Array(2 * this.window + n));
    if (this.held + n > this.channels[0].length) {
      for (const channel of this.channels) channel.copyWithin(0, this.held - this.window, this.held);
      this.held = this.window;
    }
    this.channels.forEach((channel, place) => channel.set(block[place] ?? block[0], this.held));
    this.held += n;
    this.heard += n;
    if (this.heard < this.due) return null;
    const start = this.due - this.window;
    this.due += this.hop;
    return this.cut(start, this.window);
  }

  // Returns the last window, which ends with what was heard; null where it was given already.
  rest() {
    const start = Math.max(0, this.heard - this.window), whole = this.heard === this.due - this.hop;
    return this.heard && !whole ? this.cut(start, Math.min(this.window, this.heard)) : null;
  }

  cut(start, length) {
    const from = this.held - (this.heard - start);
    return { start, channels: this.channels.map((channel) => channel.slice(from, from + length)) };
  }
}
