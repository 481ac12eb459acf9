"use strict";
// The clip that is heard: its sound, its waveform and the player.

const audio = new Audio();
const sounds = new Map(); // row -> promise of {url, peaks}
let peaks = null;

async function readSound(of) {
  let bytes;
  if (task.served) {
    const reply = await fetch(`sound/${of}`);
    if (!reply.ok) throw new Error((await reply.json()).error);
    bytes = await reply.arrayBuffer();
  } else {
    const held = element(`sound-${of}`).textContent;
    if (held.startsWith("{")) throw new Error(JSON.parse(held).error);
    bytes = Uint8Array.from(atob(held), (letter) => letter.charCodeAt(0)).buffer;
  }
  const url = URL.createObjectURL(new Blob([bytes], { type: task.served ? "audio/wav" : "audio/mpeg" }));
  const decoded = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(bytes);
  return { url, peaks: peaksOf(decoded.getChannelData(0), 400), seconds: decoded.duration };
}

function sound(of) {
  if (!sounds.has(of)) {
    const reading = readSound(of);
    reading.catch(() => sounds.delete(of)); // asked for again, it is read again
    sounds.set(of, reading);
    for (const old of [...sounds.keys()].filter((one) => Math.abs(one - row) > 8)) {
      sounds.get(old).then((held) => URL.revokeObjectURL(held.url), () => {});
      sounds.delete(old);
    }
  }
  return sounds.get(of);
}

function peaksOf(samples, columns) {
  const size = Math.max(1, Math.ceil(samples.length / columns));
  const found = [];
  for (let at = 0; at < samples.length; at += size) {
    let most = 0;
    for (let i = at; i < Math.min(at + size, samples.length); i++) most = Math.max(most, Math.abs(samples[i]));
    found.push(most);
  }
  return found;
}

async function load(of) {
  peaks = null;
  audio.pause();
  audio.removeAttribute("src");
  element("problem").hidden = true;
  draw();
  try {
    const held = await sound(of);
    if (of !== row) return;
    audio.src = held.url;
    peaks = held.peaks;
    draw();
    if (element("auto").checked && navigator.userActivation?.hasBeenActive !== false) play();
    for (const next of [of + 1, of + 2]) if (next < total) sound(next).catch(() => {});
  } catch (error) {
    if (of !== row) return;
    element("problem").textContent = `This clip cannot be heard: ${error.message}`;
    element("problem").hidden = false;
  }
}

function play() {
  if (audio.ended) audio.currentTime = 0;
  audio.play().catch(() => {}); // before the first click or key, browsers keep silent
}

function draw() {
  const canvas = element("wave");
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const gone = audio.duration ? audio.currentTime / audio.duration : 0;
  pen.fillStyle = colour("--line");
  pen.fillRect(0, height / 2, width, 1);
  if (!peaks) return;
  const loudest = Math.max(...peaks, 0.001);
  peaks.forEach((peak, at) => {
    const tall = Math.max(1, (peak / loudest) * (height - 8));
    pen.fillStyle = colour(at / peaks.length < gone ? "--accent" : "--baseline");
    pen.fillRect((at / peaks.length) * width, (height - tall) / 2, Math.max(1, (width / peaks.length) * 0.7), tall);
  });
  element("time").textContent = `${audio.currentTime.toFixed(1)} of ${(audio.duration || 0).toFixed(1)} s`;
  element("play-word").textContent = audio.paused ? "Play" : "Pause";
  if (!audio.paused) requestAnimationFrame(draw);
}
