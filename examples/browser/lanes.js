// Draws what was heard: loudness, a lane for each emotion with its threshold, and times.

import { COLUMN_S } from "./heard.js";
import { namedBy } from "./facts.js";

const MIN_SPAN_S = 5;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

// Returns how much time the picture spans, s.
export const spanOf = (heard) => Math.max(MIN_SPAN_S, heard.duration_s);

export const clock = (seconds, digits = 0) => {
  const whole = Number(seconds.toFixed(digits)), rest = (whole % 60).toFixed(digits);
  return `${Math.floor(whole / 60)}:${rest.padStart(digits ? 3 + digits : 2, "0")}`;
};

export function draw(strips, heard, facts) {
  const colours = getComputedStyle(document.documentElement), tone = (name) => colours.getPropertyValue(`--${name}`);
  const span = spanOf(heard), moments = heard.moments().map((moment) => ({ ...moment, named: moment.probabilities ? namedBy(facts, moment.probabilities) : [] }));
  drawWave(pencil(strips.querySelector(".wave")), heard, span, tone);
  strips.querySelectorAll(".lane").forEach((canvas, place) => {
    drawLane(pencil(canvas), moments, place, facts.alone ? null : facts.thresholds[place], span, tone(`series-${place % 8}`), tone("muted"));
  });
  drawTimes(pencil(strips.querySelector(".times")), span, tone("muted"));
}

// Returns a pencil whose unit is a pixel of CSS, and how wide and high it draws.
function pencil(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, dots = Math.ceil(devicePixelRatio);
  canvas.width = width * dots;
  canvas.height = height * dots;
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  return { pen, width, height };
}

function drawWave({ pen, width, height }, { peaks, duration_s }, span, tone) {
  pen.fillStyle = tone("accent");
  const columns = span / COLUMN_S / width; // of a pixel
  for (let x = 0; x < (duration_s / span) * width; x++) {
    const first = Math.floor(x * columns), until = Math.max(first + 1, (x + 1) * columns);
    let loudest = 0;
    for (let at = first; at < until; at++) loudest = Math.max(loudest, peaks[at] ?? 0);
    const tall = Math.max(1, Math.min(1, loudest) * (height - 4));
    pen.fillRect(x, (height - tall) / 2, 1, tall);
  }
}

function drawLane({ pen, width, height }, moments, place, threshold, span, colour, muted) {
  pen.fillStyle = colour;
  for (const { from_s, to_s, probabilities, named } of moments) {
    if (!probabilities) continue;
    const left = Math.round((from_s / span) * width), right = Math.round((to_s / span) * width), tall = probabilities[place] * (height - 2);
    pen.globalAlpha = named.includes(place) ? 1 : 0.3;
    pen.fillRect(left, height - tall, right - left, tall);
  }
  pen.globalAlpha = 1;
  if (threshold === null) return;
  const level = height - threshold * (height - 2);
  pen.strokeStyle = muted;
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(0, level);
  pen.lineTo(width, level);
  pen.stroke();
}

function drawTimes({ pen, width }, span, muted) {
  const step = STEPS_S.find((each) => (each / span) * width > 56) ?? 7200;
  pen.fillStyle = muted;
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "top";
  for (let time = 0; time <= span; time += step) {
    const x = (time / span) * width, told = clock(time), half = pen.measureText(told).width / 2;
    pen.fillRect(Math.min(x, width - 1), 0, 1, 4);
    pen.fillText(told, Math.min(Math.max(x - half, 0), width - 2 * half), 6);
  }
}
