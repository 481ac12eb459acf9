// The page: takes a model, then a recording or the microphone, and shows what the model says of it.

import { factsOf, namedBy } from "./facts.js";
import { Heard, LiveWindows } from "./heard.js";
import { clock, draw, spanOf } from "./lanes.js";
import { Network } from "./network.js";
import { decoded, Microphone } from "./sound.js";
import { filled, isSilent, mono, windowStarts } from "./windows.js";

const DRAWN_MS = 100; // at least between two drawings
const one = (selector) => document.querySelector(selector);
const strips = one(".strips"), audio = one("audio"), listen = one("#listen"), progress = one("progress");

let facts = null, network = null, heard = new Heard(), microphone = null, turn = 0, drawing = false;

function say(words, bad = false) {
  one("#status").textContent = words;
  one("#status").classList.toggle("bad", bad);
}

// Does what a click asks for. Work that was asked for before is told that it no longer counts.
async function take(name, work) {
  const mine = ++turn, counts = () => mine === turn;
  listen.textContent = "Listen";
  listen.onclick = start;
  progress.hidden = true;
  const before = microphone;
  microphone = null;
  try {
    await before?.close();
    await work(counts);
  } catch (error) {
    if (counts()) say(`${name}: ${error.message}`, true);
  }
}

async function openModel(name, bytes, counts) {
  const found = factsOf(new Uint8Array(bytes));
  say(`${name}: loading`);
  network?.close();
  network = null;
  one("#recording").disabled = listen.disabled = true;
  const opened = await Network.open(bytes, found.window);
  if (!counts()) return opened.close();
  [network, facts] = [opened, found];
  showModel(name);
  one("#recording").disabled = listen.disabled = false;
  say("Open a recording, or listen.");
}

function element(kind, words = "", attributes = {}) {
  const made = Object.assign(document.createElement(kind), { textContent: words });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function showModel(file) {
  one("#picture").hidden = true;
  for (const old of strips.querySelectorAll(".lane, [data-emotion]")) old.remove();
  facts.emotions.forEach((emotion, place) => {
    const row = element("div", "", { class: "name", "data-emotion": emotion }), level = element("div", "", { class: "level", "aria-hidden": true });
    row.style.setProperty("--colour", `var(--series-${place % 8})`);
    level.style.setProperty("--threshold", facts.thresholds[place]);
    level.append(element("i"), ...(facts.alone ? [] : [element("u")]));
    row.append(element("span", emotion), level, element("output"));
    one(".last").before(row, element("canvas", "", { class: "lane", "aria-hidden": true }));
  });
  one("thead tr").replaceChildren(...["start, s", "end, s", ...facts.emotions, "named"].map((word) => element("th", word)));
  const { name, limits, licence } = facts.about, windows = `windows of ${facts.window / facts.rate} s, ${facts.hop / facts.rate} s apart`;
  const told = [`${name} (${file}): ${windows}.`, "It has no detector of voices: it finds something in noise, too."];
  if (limits) told.push(`Limits: ${limits}.`);
  if (licence) told.push(`Licence: ${licence}.`);
  one("#about").replaceChildren(...told.map((words) => element("p", words)));
}

function begin(title) {
  heard = new Heard();
  one("#picture").hidden = false;
  one("#title").textContent = title;
  one("tbody").replaceChildren();
  audio.hidden = true;
  audio.removeAttribute("src");
  one(".over").classList.remove("playable");
  showValues(null);
  redraw();
}

// Asks about a window, which may be shorter than the model's, and begins at a sample of the recording.
async function hearWindow(samples, start, counts) {
  const silent = isSilent(samples);
  const probabilities = silent ? null : await network.ask(filled(samples, facts.window, facts.short));
  if (!counts()) return;
  const window = { start_s: start / facts.rate, end_s: (start + samples.length) / facts.rate, probabilities };
  heard.windows.push(window);
  const named = probabilities ? namedBy(facts, probabilities).map((place) => facts.emotions[place]).join(";") : "silence";
  const values = facts.emotions.map((_, place) => probabilities?.[place].toFixed(4) ?? "");
  const row = element("tr");
  row.append(...[window.start_s.toFixed(2), window.end_s.toFixed(2), ...values, named].map((words) => element("td", words)));
  one("tbody").append(row);
  if (!follows()) showValues(window, `${clock(window.start_s)} to ${clock(window.end_s)}`);
  redraw();
}

async function hearFile(file, counts) {
  begin(file.name);
  say(`${file.name}: decoding`);
  const channels = await decoded(await file.arrayBuffer(), facts.rate).catch(() => {
    throw new Error("this browser cannot play it");
  });
  if (!counts()) return;
  const samples = mono(channels, facts.channels), starts = windowStarts(samples.length, facts.window, facts.hop), began = performance.now();
  heard.addSamples(samples, facts.rate);
  audio.src = URL.createObjectURL(file);
  audio.hidden = progress.hidden = false;
  one(".over").classList.add("playable");
  progress.max = starts.length;
  say(`${file.name}: ${starts.length} windows`);
  for (const [place, start] of starts.entries()) {
    progress.value = place;
    await hearWindow(samples.slice(start, start + facts.window), start, counts);
    if (!counts()) return;
  }
  progress.hidden = true;
  say(`${file.name}: ${clock(heard.duration_s, 1)}, heard in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  follow();
}

async function hearMicrophone(counts) {
  const windows = new LiveWindows(facts.window, facts.hop);
  let busy = null, left = 0;
  begin("Microphone");
  say("The browser asks whether the page may listen.");
  const hear = ({ start, channels }) => hearWindow(mono(channels, facts.channels), start, counts);
  const opened = await Microphone.open(facts.rate, (block) => {
    if (!counts()) return;
    heard.addSamples(block[0], facts.rate);
    redraw();
    const window = windows.push(block);
    if (!window) return;
    if (busy) say(`Listening. Too slow here: windows left out: ${++left}.`);
    else busy = hear(window).catch((error) => counts() && say(error.message, true)).finally(() => (busy = null));
  });
  if (!counts()) return opened.close();
  microphone = opened;
  listen.textContent = "Stop";
  say("Listening.");
  await new Promise((stopped) => (listen.onclick = stopped));
  microphone = null;
  await opened.close();
  await busy;
  const rest = windows.rest();
  if (rest && counts()) await hear(rest);
  if (!counts()) return;
  say(`Heard ${clock(heard.duration_s, 1)}. Nothing of it was kept.`);
  [listen.textContent, listen.onclick] = ["Listen", start];
}

// Shows the values of a moment, and in words what they name.
function showValues(moment, when) {
  const values = moment?.probabilities, named = values ? namedBy(facts, values) : [];
  for (const [place, row] of strips.querySelectorAll("[data-emotion]").entries()) {
    row.classList.toggle("named", named.includes(place));
    row.style.setProperty("--value", values?.[place] ?? 0);
    row.querySelector("output").textContent = values ? values[place].toFixed(2) : "";
  }
  const words = named.length ? element("b", named.map((place) => facts.emotions[place]).join(", ")) : element("span", "", { class: "none" });
  if (moment && !named.length) words.textContent = values ? "nothing reaches its threshold" : "silence";
  one("#now").replaceChildren(words, ...(moment ? [element("small", when)] : []));
}

function redraw() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    if (one("#picture").hidden) return;
    draw(strips, heard, facts);
    follow();
  }, DRAWN_MS);
}

// Returns whether what is shown is where the recording plays; else it is what was heard last.
const follows = () => !audio.hidden && (progress.hidden || !audio.paused || audio.currentTime > 0);

function follow() {
  one(".cursor").hidden = !follows();
  if (!follows()) return;
  const at = audio.currentTime, moments = heard.moments();
  one(".cursor").style.transform = `translateX(${(at / spanOf(heard)) * one(".over").clientWidth}px)`;
  showValues(moments.find(({ to_s }) => at < to_s) ?? (progress.hidden ? moments.at(-1) : null), `at ${clock(at)}`);
}

function save() {
  const cell = (words) => (/[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words);
  const rows = [...one("tbody").rows].map((row) => [...row.cells].map((each) => each.textContent));
  const table = [["start_s", "end_s", ...facts.emotions, "emotions"], ...rows].map((row) => `${row.map(cell).join(",")}\n`);
  const link = element("a", "", { download: "emotions.csv", href: URL.createObjectURL(new Blob(table, { type: "text/csv" })) });
  link.click();
}

// A file may be opened again, after it was changed.
const opens = (input, work) => (input.onchange = () => {
  const [file] = input.files;
  if (file) take(file.name, (counts) => work(file, counts));
  input.value = "";
});

const start = () => take("microphone", hearMicrophone);
opens(one("#model"), async (file, counts) => openModel(file.name, await file.arrayBuffer(), counts));
opens(one("#recording"), hearFile);
one("#save").onclick = save;
one(".over").onclick = (event) => {
  if (audio.hidden) return;
  audio.currentTime = (event.offsetX / one(".over").clientWidth) * spanOf(heard);
  audio.play();
};
for (const event of ["timeupdate", "seeked", "play", "pause"]) audio.addEventListener(event, follow);
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

// A model beside the page is opened at once.
take("emotions.onnx", async (counts) => {
  const answer = await fetch("emotions.onnx");
  if (answer.ok) await openModel("emotions.onnx", await answer.arrayBuffer(), counts);
  else say("Open a model: a file of predict export.");
});
