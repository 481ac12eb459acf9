"use strict";
// Draws a recording: waveform, mel spectrogram, a lane for each emotion, times, and all of it in little.

const settings = JSON.parse(document.getElementById("settings").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
let printing = false;

const colours = () => (dark.matches && !printing ? settings.dark : settings.light);
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const limited = (value, low, high) => Math.min(high, Math.max(low, value));

function clock(seconds, digits = 1) {
  const scale = 10 ** digits, whole = Math.round(seconds * scale);
  const hours = Math.floor(whole / (3600 * scale)), minutes = Math.floor(whole / (60 * scale)) % 60;
  const rest = ((whole % (60 * scale)) / scale).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

// Spans of time, asked from left to right.
class Spans {
  constructor(list) {
    this.list = list;
    this.next = 0;
  }

  meet(from, to) {
    while (this.next < this.list.length && this.list[this.next][1] <= from) this.next++;
    return this.next < this.list.length && this.list[this.next][0] < to;
  }
}

class Drawn {
  constructor(section) {
    this.section = section;
    this.all = (selector) => [...section.querySelectorAll(selector)];
    this.one = (selector) => section.querySelector(selector);
    this.over = this.one(".over");
    this.at = 0;
    this.rows = this.all(".segments tbody tr");
    this.drawn = false;
  }

  // What the page holds of the recording is unpacked when it comes into sight.
  get data() {
    if (this.unpacked) return this.unpacked;
    const data = JSON.parse(this.one(".data").textContent);
    data.peaks = bytes(data.peaks);
    data.moments = new Float32Array(bytes(data.moments).buffer);
    data.probabilities = data.probabilities.map(bytes);
    data.images = data.tiles.map((tile) => Object.assign(new Image(), { src: `data:image/png;base64,${tile}` }));
    data.tiles = null;
    Promise.all(data.images.map((image) => image.decode())).then(() => this.drawn && this.draw(), () => {});
    this.from = 0;
    this.to = data.duration_s;
    return (this.unpacked = data);
  }

  draw() {
    if (!this.drawn) return;
    this.drawWave();
    this.drawMel();
    for (const canvas of this.all("canvas.lane")) this.drawLane(canvas);
    this.drawTicks();
    this.drawOverview();
    this.told();
  }

  // Returns a pencil whose unit is a pixel of CSS, and how wide and high it draws; none where the canvas is not shown.
  pencil(canvas) {
    const width = canvas.clientWidth, height = canvas.clientHeight, dots = Math.min(2, Math.ceil(devicePixelRatio || 1));
    if (!width || !height) return null;
    canvas.width = width * dots;
    canvas.height = height * dots;
    const draw = canvas.getContext("2d");
    draw.scale(dots, dots);
    return { draw, width, height };
  }

  place(seconds, width, from = this.from, to = this.to) {
    return ((seconds - from) / (to - from)) * width;
  }

  drawWave() {
    const pen = this.pencil(this.one(".wave"));
    if (!pen) return;
    const { draw, width, height } = pen, { peaks, column_s: column, voiced } = this.data, tones = colours();
    if (voiced) {
      draw.fillStyle = tones.tint;
      for (const [from, to] of voiced) draw.fillRect(this.place(from, width), 0, this.place(to, width) - this.place(from, width), height);
    }
    const speaks = voiced ? new Spans(voiced) : null;
    for (let x = 0; x < width; x++) {
      const from = this.from + (x / width) * (this.to - this.from), to = this.from + ((x + 1) / width) * (this.to - this.from);
      let loudest = 0;
      for (let i = Math.floor(from / column); i < Math.max(to / column, Math.floor(from / column) + 1) && i < peaks.length; i++) loudest = Math.max(loudest, peaks[i]);
      const tall = Math.max(1, (loudest / 255) * (height - 4));
      draw.fillStyle = !speaks || speaks.meet(from, to) ? tones.accent : tones.baseline;
      draw.fillRect(x, (height - tall) / 2, 1, tall);
    }
  }

  drawMel() {
    const pen = this.pencil(this.one(".mel"));
    if (!pen) return;
    const { draw, width, height } = pen, { images, column_s: column, tile_columns: columns } = this.data;
    draw.imageSmoothingQuality = "high";
    images.forEach((image, place) => {
      const starts = place * columns * column, ends = starts + image.naturalWidth * column;
      if (!image.complete || !image.naturalWidth || ends <= this.from || starts >= this.to) return;
      const first = Math.max(0, (this.from - starts) / column), last = Math.min(image.naturalWidth, (this.to - starts) / column);
      const left = this.place(starts + first * column, width), right = this.place(starts + last * column, width);
      draw.drawImage(image, first, 0, last - first, image.naturalHeight, left, 0, right - left, height);
    });
  }

  drawLane(canvas) {
    const pen = this.pencil(canvas);
    if (!pen) return;
    const { draw, width, height } = pen, data = this.data, place = +canvas.dataset.emotion, tones = colours();
    const lane = data.probabilities[place], threshold = settings.thresholds?.[place], named = new Spans(data.segments[place]);
    const colour = tones.series[place % tones.series.length], span = this.to - this.from, { moments } = data;
    let i = this.moment(this.from), begun = 0, before = null;
    draw.fillStyle = colour;
    // Neighbours that are alike are one rectangle: between many, printers show seams.
    const fill = (until) => {
      if (!before) return;
      draw.globalAlpha = before.named ? 1 : 0.28;
      draw.fillRect(begun, height - before.tall, until - begun, before.tall);
    };
    for (let x = 0; x < width && moments.length; x++) {
      const from = this.from + (x / width) * span, to = this.from + ((x + 1) / width) * span;
      while (moments[i + 1] <= from) i++;
      let highest = lane[i];
      for (let next = i + 1; moments[next] < to; next++) highest = Math.max(highest, lane[next]);
      const now = { tall: (highest / 255) * (height - 2), named: named.meet(from, to) };
      if (before && before.tall === now.tall && before.named === now.named) continue;
      fill(x);
      [begun, before] = [x, now];
    }
    fill(width);
    draw.globalAlpha = 1;
    if (threshold === undefined) return;
    draw.strokeStyle = tones.muted;
    draw.setLineDash([4, 3]);
    draw.beginPath();
    draw.moveTo(0, height - threshold * (height - 2));
    draw.lineTo(width, height - threshold * (height - 2));
    draw.stroke();
  }

  drawTicks() {
    const pen = this.pencil(this.one(".ticks"));
    if (!pen) return;
    const { draw, width } = pen, span = this.to - this.from, tones = colours();
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].find((each) => (each / span) * width > 64) ?? 28800;
    draw.fillStyle = draw.strokeStyle = tones.muted;
    draw.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    draw.textBaseline = "top";
    for (let i = Math.ceil(this.from / step); i * step <= this.to; i++) {
      const x = this.place(i * step, width);
      draw.fillRect(x, 0, 1, 4);
      const told = clock(i * step, step < 1 ? 1 : 0), half = draw.measureText(told).width / 2;
      draw.fillText(told, limited(x - half, 0, width - 2 * half), 6);
    }
  }

  drawOverview() {
    const canvas = this.one(".overview"), data = this.data, tones = colours();
    const pen = this.pencil(canvas);
    if (!pen) return;
    const { draw, width, height } = pen, end = data.duration_s, lanes = data.segments.map((list, place) => [list, place]).filter(([list]) => list.length);
    draw.fillStyle = tones.tint;
    for (const [from, to] of data.voiced ?? []) draw.fillRect((from / end) * width, 0, Math.max(0.5, ((to - from) / end) * width), height);
    lanes.forEach(([list, place], row) => {
      draw.fillStyle = tones.series[place % tones.series.length];
      for (const [from, to] of list) draw.fillRect((from / end) * width, (row / lanes.length) * height, Math.max(1, ((to - from) / end) * width), height / lanes.length);
    });
    if (this.to - this.from >= end) return;
    const left = (this.from / end) * width, right = (this.to / end) * width;
    draw.fillStyle = tones.page;
    draw.globalAlpha = 0.6;
    draw.fillRect(0, 0, left, height);
    draw.fillRect(right, 0, width - right, height);
    draw.globalAlpha = 1;
    draw.strokeStyle = tones.text;
    draw.lineWidth = 2;
    draw.strokeRect(left + 1, 1, Math.max(4, right - left - 2), height - 2);
  }
}
