// Sends recordings and a microphone, and lets the page of each grow as its answer comes.

const byId = (id) => document.getElementById(id);
const megabytes = (size) => `${(size / 1e6).toFixed(1)} MB`;

// A recording whose page is replaced by a longer one; what somebody looks at and hears goes on.
class Growing extends Recording {
  get player() {
    return this.audio || this.one(".sound") ? super.player : undefined;
  }

  toggle() {
    if (this.player) super.toggle();
  }

  get notPlayed() {
    return "This browser does not play recordings of this kind. Once all is heard, it plays this one as mp3.";
  }

  goOnFrom(before) {
    const data = this.data, whole = before.to - before.from >= before.data.duration_s - 1e-6;
    this.at = before.at;
    if (!whole) [this.from, this.to] = [before.from, Math.min(before.to, data.duration_s)];
    if (before.audio && (this.growing || !before.audio.paused)) {
      this.hear(before.audio);
      if (playing === before) playing = this;
      this.state();
      if (!this.audio.paused) this.follow();
    }
    for (const name of [".speed select", ".only"]) if (this.one(name) && before.one(name)) this.one(name).value = before.one(name).value;
    this.one(".only")?.dispatchEvent(new Event("change"));
    if (before.one(".strips").classList.contains("every") && this.data.low.length) this.one(".more").click();
  }
}

// A recording on this page: what is said of it, its page, and what can be taken along.
class Card {
  constructor(name) {
    const card = byId("card").content.cloneNode(true).firstElementChild;
    this.card = card;
    this.name = name;
    this.one = (selector) => card.querySelector(selector);
    this.abort = new AbortController();
    this.page = null;  // as it comes, once all is heard
    this.one(".end").onclick = () => this.end();
    byId("sent").prepend(card);
  }

  end() {
    this.abort.abort();
  }

  tell(text, done, of) {
    this.one(".told").textContent = `${this.name}: ${text}`;
    const bar = this.one("progress");
    bar.hidden = of === undefined;
    if (of !== undefined) Object.assign(bar, { max: Math.max(of, 1e-9), value: done });
  }

  fail(reason) {
    this.tell(reason);
    this.one(".told").classList.add("failed");
    this.one(".end").hidden = true;
  }

  // Asks for the page of a recording, and takes its lines as they come.
  async grow(path, body) {
    try {
      const reply = await ask(path, body, this.abort.signal);
      let rest = "";
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        for (const line of lines) await this.take(JSON.parse(line));
      }
      if (!this.done) throw new Error("the server broke off");
    } catch (error) {
      if (!this.done) this.fail(error.name === "AbortError" ? "stopped; nothing of it is kept" : error instanceof TypeError ? "the server cannot be reached" : error.message);
    }
  }

  async take(line) {
    if (line.error) throw new Error(line.error);
    if (line.waiting) this.tell(`waits, ${line.waiting} before it`);
    if (line.section) {
      this.tell(`heard ${clock(line.heard_s)} of ${clock(line.of_s)}`, line.heard_s, line.of_s);
      await this.show(parsed(line.section).querySelector(".recording"));
    }
    if (line.files) this.files = line.files;
    if (line.page) (this.page ??= []).push(line.page);
    if (line.done) await this.finish();
  }

  async show(section) {
    const before = this.recording;
    section.removeAttribute("id");
    const recording = new Growing(section), data = recording.data;
    recording.growing = !this.page;
    for (const name of [".play", ".speed"]) recording.one(name).hidden = recording.growing && !this.source;
    if (recording.growing && this.source) {
      const sound = Object.assign(document.createElement("script"), { type: "text/plain", className: "sound" });
      sound.dataset.src = this.source;
      section.append(sound);
    }
    await Promise.allSettled(data.images.map((image) => image.decode()));
    const focused = before?.section.contains(document.activeElement), scrolled = before?.one(".list")?.scrollTop ?? 0;
    this.one(".here").replaceChildren(section);
    if (before) {
      sight.unobserve(before.section);
      recordings.delete(before.section);
    }
    recordings.set(section, recording);
    recording.show();
    if (before) recording.goOnFrom(before);
    recording.draw();
    if (focused) recording.over.focus({ preventScroll: true });
    if (recording.one(".list")) recording.one(".list").scrollTop = scrolled;
    sight.observe(section);
    this.recording = recording;
  }

  async finish() {
    const page = this.page.join("");
    await this.show(parsed(page).querySelector(".recording"));
    const stem = this.files[0].name.replace(/\.csv$/, "");
    for (const { name, text } of [...this.files, { name: `${stem}.html`, text: page }]) {
      const kind = name.endsWith(".html") ? "text/html" : name.endsWith(".csv") ? "text/csv" : "text/plain";
      const link = Object.assign(document.createElement("a"), { download: name, textContent: name.slice(stem.length + 1) });
      link.href = URL.createObjectURL(new Blob([text], { type: kind }));
      link.setAttribute("aria-label", name);
      this.one(".take").append(link);
    }
    this.one(".take").hidden = false;
    this.one(".end").hidden = true;
    this.done = true;
    this.tell("heard; nothing of it is kept on the server");
  }
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

// Asking

function token() {
  if (location.hash.length > 1) {
    sessionStorage.setItem("token", decodeURIComponent(location.hash.slice(1)));
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token");
}

async function ask(path, body, signal) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  const gate = byId("all").checked ? "none" : "voice";
  const reply = await fetch(`${path}${path.includes("?") ? "&" : "?"}gate=${gate}`, { method: "POST", body, headers, signal });
  if (reply.ok) return reply;
  if (reply.status === 401) byId("token").hidden = false;
  const told = await reply.json().catch(() => ({}));
  throw new Error(told.error ?? `the server said ${reply.status}`);
}

function trouble(text) {
  byId("trouble").hidden = !text;
  byId("trouble").textContent = text;
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", event.target.querySelector("input").value.trim());
  byId("token").hidden = true;
});

// Files

let last = Promise.resolve();

function send(files) {
  for (const file of files) {
    const card = new Card(file.name);
    if (file.size > settings.max_bytes) {
      card.fail(`has ${megabytes(file.size)}, and at most ${megabytes(settings.max_bytes)} are taken`);
      continue;
    }
    card.tell("waits");
    last = last.then(async () => {
      if (card.abort.signal.aborted) return card.fail("stopped; it was not sent");
      card.tell(`sends ${megabytes(file.size)}`);
      card.source = URL.createObjectURL(file);
      const form = new FormData();
      form.append("file", file, file.name);
      await card.grow("page", form);
    });
  }
}

const drop = byId("drop"), files = byId("files");
byId("choose").onclick = () => files.click();
files.onchange = () => { send([...files.files]); files.value = ""; };
for (const [kind, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", over && event.dataTransfer?.types.includes("Files"));
    if (kind === "drop") send([...(event.dataTransfer?.files ?? [])]);
  });
}

// The microphone

let microphone = null;

class SpokenCard extends Card {
  // Ends what is spoken; a second time it ends the answer, too.
  end() {
    if (this.closing) return super.end();
    this.closing = true;
    this.node?.port.postMessage("end");
  }

  async speak() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    } catch (error) {
      return this.fail(`the microphone cannot be used (${error.message})`);
    }
    const context = (this.context = new AudioContext());
    await context.audioWorklet.addModule("microphone.js");
    this.node = new AudioWorkletNode(context, "microphone-samples", { numberOfOutputs: 0 });
    this.held = [];
    this.node.port.onmessage = ({ data }) => { this.held.push(data); this.hand(); };
    context.createMediaStreamSource(this.stream).connect(this.node);
    this.tell("listens");
    await this.grow(`page/microphone?rate=${Math.round(context.sampleRate)}`, null);
    this.close();
  }

  async take(line) {
    if (line.microphone) {
      this.key = line.microphone;
      this.hand();
    } else await super.take(line);
  }

  // Sends what is there, one request after the other; null is the end.
  async hand() {
    if (!this.key || this.handing || !this.held.length) return;
    this.handing = true;
    const over = this.held.includes(null), chunks = this.held.filter((chunk) => chunk);
    this.held = [];
    try {
      const reply = await ask(`page/microphone/${this.key}${over ? "?end=1" : ""}`, new Blob(chunks));
      if (over || !(await reply.json()).more) this.close();
    } catch {
      this.close();
    }
    this.handing = false;
    this.hand();
  }

  close() {
    this.closing = true;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context?.state !== "closed") this.context?.close();
    if (microphone === this) microphone = null;
    byId("speak").setAttribute("aria-pressed", "false");
    byId("speak").textContent = "Speak";
  }
}

byId("speak").onclick = () => {
  if (microphone) return microphone.end();
  if (!navigator.mediaDevices) return trouble("Browsers give the microphone to pages of this machine or with https alone; open this page on the machine that serves it, or through a proxy with TLS.");
  microphone = new SpokenCard("microphone");
  byId("speak").setAttribute("aria-pressed", "true");
  byId("speak").textContent = "Stop";
  microphone.speak();
};

token();
