// Clips are heard one after the other. An answer is a list of emotions, "?" (can't tell), or null (not heard yet).

const task = JSON.parse(document.getElementById("task").textContent);
const element = (id) => document.getElementById(id);
const total = task.names.length;
const answers = task.answers;
const undone = []; // what to go back to: [row, answer before]
let row = 0;
let chosen = new Set();
const unsaved = new Map(); // row -> answer that is still to be kept
let saving = false;
let version = 0;

// Answers go to the server, or into the memory of the browser.

async function keep(of, answer) {
  if (!task.served) {
    const given = Object.fromEntries(answers.map((one, at) => [at, one]).filter(([, one]) => one !== null));
    localStorage.setItem(task.id, JSON.stringify(given));
    return;
  }
  const reply = await fetch("answer", { method: "POST", body: JSON.stringify({ row: of, answer, since: version }) });
  await takeNews(reply);
}

async function takeNews(reply) {
  const news = await reply.json().catch(() => ({ error: reply.statusText }));
  if (!reply.ok) throw new Error(news.error || reply.statusText);
  version = news.version;
  for (const [of, answer] of Object.entries(news.changes)) if (!unsaved.has(Number(of))) answers[of] = answer;
}

function remembered() {
  try {
    const given = JSON.parse(localStorage.getItem(task.id) || "{}");
    for (const [of, answer] of Object.entries(given)) if (of < total) answers[of] = answer;
  } catch (error) {
    tell(`this browser keeps nothing (${error.message}): save your labels before you close the page`, true);
  }
}

function show(of) {
  row = Math.min(Math.max(of, 0), total - 1);
  const answer = answers[row];
  chosen = new Set(Array.isArray(answer) ? answer : []);
  element("name").textContent = task.names[row];
  const [start, end] = [task.starts[row], task.ends[row]];
  const times = start || end !== null ? ` · ${clock(start)}–${end === null ? "end" : clock(end)}` : "";
  const speaker = task.speakers?.[row] ? ` · ${task.speakers[row]}` : "";
  const long = (end === null ? 0 : end - start) > task.longest ? ` · the first ${task.longest} s are heard` : "";
  element("place").textContent = `clip ${row + 1} of ${total.toLocaleString("en")}${times}${speaker}${long}`;
  element("time").textContent = "";
  hint(answer === "?" ? "You could not tell." : Array.isArray(answer) && !answer.length ? "You heard none of these." : "");
  refresh();
  load(row);
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, "0"));
  return `${whole >= 3600 ? Math.floor(whole / 3600) + ":" : ""}${parts.join(":")}.${Math.floor((seconds - whole) * 10)}`;
}

function refresh() {
  const counts = task.emotions.map(() => 0);
  let [labelled, unclear] = [0, 0];
  for (const answer of answers) {
    if (answer === "?") unclear++;
    if (!Array.isArray(answer)) continue;
    labelled++;
    for (const emotion of answer) counts[emotion]++;
  }
  document.querySelectorAll("#emotions button").forEach((button, emotion) => {
    const pressed = emotion < task.emotions.length ? chosen.has(emotion) : Array.isArray(answers[row]) && !answers[row].length && !chosen.size;
    button.setAttribute("aria-pressed", String(pressed));
    button.querySelector(".count").textContent = emotion < counts.length ? counts[emotion] || "" : "";
  });
  const told = unclear ? `, ${unclear.toLocaleString("en")} can't tell` : "";
  element("done").textContent = `${labelled.toLocaleString("en")} of ${total.toLocaleString("en")} labelled${told}`;
  element("bar").max = total;
  element("bar").value = labelled + unclear;
  element("undo").disabled = !undone.length;
  element("back").disabled = row === 0;
  element("forward").disabled = row === total - 1;
  element("end").hidden = labelled + unclear < total;
  const where = task.served ? `${task.out} is saved. Press Ctrl-C where you started this page.` : `Save ${task.out} and put it beside ${task.title}.`;
  element("end-text").textContent = `${labelled.toLocaleString("en")} with labels${told}. ${where}`;
}

function toggle(emotion) {
  chosen.has(emotion) ? chosen.delete(emotion) : chosen.add(emotion);
  hint("");
  refresh();
}

function give(answer) {
  undone.push([row, answers[row]]);
  const of = row;
  save(of, answer);
  show(nextOpen(of));
}

function undo() {
  const last = undone.pop();
  if (!last) return;
  save(last[0], last[1]);
  show(last[0]);
}

function nextOpen(of) {
  for (let step = 1; step <= total; step++) if (answers[(of + step) % total] === null) return (of + step) % total;
  return Math.min(of + 1, total - 1);
}

function save(of, answer) {
  answers[of] = answer;
  unsaved.set(of, answer);
  keepAll();
}

async function keepAll() {
  if (saving) return;
  saving = true;
  try {
    for (const [of, answer] of unsaved) {
      await keep(of, answer);
      if (unsaved.get(of) === answer) unsaved.delete(of);
    }
    tell(task.served ? "saved" : "kept in this browser");
    refresh();
  } catch (error) {
    const left = `${unsaved.size} ${unsaved.size === 1 ? "answer" : "answers"} not saved`;
    tell(`${left}, trying again: ${error.message}`, true);
    setTimeout(keepAll, 3000);
  } finally {
    saving = false;
  }
}

function next() {
  if (chosen.size) give([...chosen].sort((one, other) => one - other));
  else if (answers[row] !== null) show(nextOpen(row));
  else hint("Choose what you hear, 0 for none of these, or X where you can't tell.");
}

function tell(text, bad = false) {
  element("saved").textContent = text;
  element("saved").classList.toggle("bad", bad);
}

function hint(text) {
  element("hint").textContent = text;
}

function download() {
  const lines = answers.flatMap((answer, of) => {
    if (!Array.isArray(answer)) return [];
    const cells = task.emotions.map((_, emotion) => (answer.includes(emotion) ? 1 : 0));
    return [[task.before[of], ...cells, ...(task.after[of] ? [task.after[of]] : [])].join(",") + "\n"];
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([task.header, ...task.others, ...lines], { type: "text/csv" }));
  link.download = task.out;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Keys and buttons

function button(key, word, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.setAttribute("aria-pressed", "false");
  for (const [tag, kind, text] of [["kbd", "", key.toUpperCase()], ["span", "word", word], ["span", "count", ""]]) {
    const part = document.createElement(tag);
    part.className = kind;
    part.textContent = text;
    if (tag !== "kbd" || key) made.append(part);
  }
  made.addEventListener("click", act);
  element("emotions").append(made);
}

const none = () => give([]);
const unclear = () => give("?");
const pause = () => (audio.paused ? play() : audio.pause());
const keys = {
  " ": pause, Enter: next, 0: none, x: unclear, z: undo, Backspace: undo,
  ArrowLeft: () => show(row - 1), ArrowRight: () => show(row + 1),
};
task.emotions.forEach((emotion, at) => {
  button(task.keys[at] || "", emotion, () => toggle(at));
  if (task.keys[at]) keys[task.keys[at]] = () => toggle(at);
});
button("0", "none of these", none);

document.addEventListener("keydown", (event) => {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  if ([" ", "Enter"].includes(event.key) && event.target.matches("button, input")) return; // it is pressed itself
  event.preventDefault();
  if (!event.repeat) act();
});
for (const [id, act] of Object.entries({
  play: pause, next, unclear, undo, download, back: keys.ArrowLeft, forward: keys.ArrowRight,
})) {
  element(id).addEventListener("click", act);
}
document.addEventListener("click", (event) => {
  if (event.detail > 0) document.activeElement?.blur(); // of a mouse or finger: keys go on meaning what they say
});
element("wave").addEventListener("click", (event) => {
  if (!audio.duration) return;
  audio.currentTime = (event.offsetX / element("wave").clientWidth) * audio.duration;
  play();
});
for (const happening of ["play", "pause", "ended", "seeked", "loadedmetadata"]) audio.addEventListener(happening, draw);
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

async function begin() {
  element("title").textContent = task.title;
  document.title = `Labels: ${task.title}`;
  if (task.served) {
    const hear = () => fetch(`answers?since=${version}`).then(takeNews).catch((error) => tell(error.message, true));
    await hear();
    // Another tab may have labelled meanwhile.
    document.addEventListener("visibilitychange", () => document.hidden || hear().then(refresh));
  } else {
    remembered();
    element("download").textContent = `Save ${task.out}`;
    element("download").hidden = false;
  }
  window.addEventListener("beforeunload", (event) => unsaved.size && event.preventDefault());
  show(nextOpen(total - 1));
}

begin();
