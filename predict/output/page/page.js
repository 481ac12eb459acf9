// What a recording answers to: the mouse, fingers, keys and its sound.

let playing = null;

class Recording extends Drawn {
  show() {
    this.drawn = true;
    if (!this.bound) this.bind();
    this.draw();
  }

  // Pixels of pictures out of sight are given back: a page may hold a thousand recordings.
  hide() {
    this.drawn = false;
    for (const canvas of this.all("canvas")) canvas.width = canvas.height = 0;
  }

  bind() {
    this.bound = true;
    const low = this.data.low, strips = this.one(".strips"), more = this.one(".more");
    for (const place of low) {
      const lane = this.one(`canvas[data-emotion="${place}"]`);
      lane.classList.add("low");
      lane.previousElementSibling.classList.add("low");
    }
    if (low.length && low.length === this.data.probabilities.length) strips.classList.add("every");
    else if (low.length) {
      const told = () => (more.textContent = strips.classList.contains("every") ? "Only emotions that reach their threshold" : `${low.length} more, which never reach their threshold`);
      more.hidden = false;
      more.onclick = () => { strips.classList.toggle("every"); told(); this.draw(); };
      told();
    }
    this.bindPointer();
    this.over.addEventListener("keydown", (event) => this.key(event));
    this.one(".play")?.addEventListener("click", () => this.toggle());
    this.one(".speed select")?.addEventListener("change", (event) => { if (this.audio) this.audio.playbackRate = +event.target.value; });
    for (const button of this.all("[data-zoom]")) button.onclick = () => this.zoom(button.dataset.zoom === "all" ? Infinity : +button.dataset.zoom);
    this.one(".segments tbody")?.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row && !String(getSelection())) this.go(+row.dataset.from, true);
    });
    this.one(".only")?.addEventListener("change", (event) => {
      for (const row of this.rows) row.hidden = event.target.value !== "" && row.dataset.emotion !== event.target.value;
    });
    this.told();
  }

  bindPointer() {
    const over = this.over, overview = this.one(".overview"), pointer = this.one(".pointer");
    const time = (event) => this.from + ((event.clientX - over.getBoundingClientRect().left) / over.clientWidth) * (this.to - this.from);
    let grip = null;
    over.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      grip = { x: event.clientX, y: event.clientY, from: this.from, moved: false };
    });
    over.addEventListener("pointermove", (event) => {
      if (grip && (grip.moved || Math.abs(event.clientX - grip.x) > 6)) {
        if (!grip.moved) over.setPointerCapture(event.pointerId);
        grip.moved = true;
        this.see(grip.from - ((event.clientX - grip.x) / over.clientWidth) * (this.to - this.from), this.to - this.from);
      }
      if (event.pointerType !== "mouse") return;
      pointer.hidden = false;
      pointer.style.transform = `translateX(${event.clientX - over.getBoundingClientRect().left}px)`;
      this.told(time(event));
    });
    over.addEventListener("pointerup", (event) => {
      if (grip && !grip.moved && Math.abs(event.clientY - grip.y) < 10) this.go(time(event), true);
      grip = null;
    });
    over.addEventListener("pointercancel", () => (grip = null));
    over.addEventListener("pointerleave", () => { pointer.hidden = true; this.told(); });
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoom(2 ** limited(event.deltaY / 100, -1, 1), time(event));
      else this.see(this.from + (event.deltaX / over.clientWidth) * (this.to - this.from), this.to - this.from);
    }, { passive: false });
    const move = (event) => {
      const box = overview.getBoundingClientRect(), span = this.to - this.from;
      this.see(((event.clientX - box.left) / box.width) * this.data.duration_s - span / 2, span);
    };
    overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); move(event); });
    overview.addEventListener("pointermove", (event) => { if (event.buttons) move(event); });
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? 1 : 5, end = this.data.duration_s;
    const keys = {
      " ": () => this.toggle(), Enter: () => this.toggle(), k: () => this.toggle(),
      ArrowLeft: () => this.go(this.at - step), ArrowRight: () => this.go(this.at + step),
      Home: () => this.go(0), End: () => this.go(end),
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.zoom(Infinity),
      n: () => this.go(this.begins.find((start) => start > this.at + 0.01) ?? this.at),
      p: () => this.go(this.begins.findLast((start) => start < this.at - 0.5) ?? 0),
    };
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }

  get begins() {
    return this.rows.filter((row) => !row.hidden).map((row) => +row.dataset.from);
  }

  // Seeing

  see(from, span) {
    const end = this.data.duration_s, wide = limited(span, Math.min(1, end), end);
    this.from = limited(from, 0, end - wide);
    this.to = this.from + wide;
    this.draw();
  }

  zoom(by, around) {
    const end = this.data.duration_s, span = this.to - this.from;
    if (by === Infinity) return this.see(0, end);
    const inside = this.at >= this.from && this.at <= this.to;
    const held = around ?? (inside ? this.at : (this.from + this.to) / 2);
    const wide = limited(span * by, Math.min(1, end), end);
    this.see(held - ((held - this.from) / span) * wide, wide);
  }

  // Hearing

  get player() {
    if (this.audio || !settings.sound) return this.audio;
    const link = this.one(".sound"), audio = new Audio();
    audio.preload = "auto";
    audio.src = link.dataset.src ?? URL.createObjectURL(new Blob([bytes(link.textContent)], { type: "audio/mpeg" }));
    audio.playbackRate = +this.one(".speed select").value;
    return this.hear(audio);
  }

  hear(audio) {
    audio.onplay = audio.onpause = () => this.state();
    audio.onseeked = () => this.follow();
    audio.onerror = () => this.trouble(audio.error);
    return (this.audio = audio);
  }

  go(seconds, play = false) {
    this.at = limited(seconds, 0, this.data.duration_s);
    const player = this.player;
    if (player) {
      player.currentTime = this.at;
      if (play) this.play();
    }
    if (this.at < this.from || this.at > this.to) this.see(this.at - 0.1 * (this.to - this.from), this.to - this.from);
    this.told();
  }

  toggle() {
    if (!settings.sound) return;
    if (this.player.paused) this.play();
    else this.player.pause();
  }

  play() {
    if (playing && playing !== this) playing.player.pause();
    playing = this;
    if (this.at >= this.data.duration_s - 0.05) this.player.currentTime = 0;
    this.player.play().then(() => this.follow(), (error) => { if (error.name !== "AbortError") this.trouble(error); });
  }

  state() {
    const button = this.one(".play"), on = !this.audio.paused;
    button.textContent = on ? "Pause" : "Play";
    button.setAttribute("aria-pressed", on);
  }

  // The view goes along with the sound, unless someone looks elsewhere.
  follow() {
    const seen = this.at >= this.from && this.at <= this.to, span = this.to - this.from;
    this.at = this.audio.currentTime;
    if (seen && this.at > this.to - 0.03 * span && this.to < this.data.duration_s) this.see(this.at - 0.1 * span, span);
    this.told();
    if (this.audio.paused) return;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.follow());
  }

  trouble(error) {
    const told = this.one(".trouble");
    told.hidden = false;
    const refused = error?.name === "NotSupportedError" || error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED;
    const beside = refused && this.one(".sound").dataset.src;
    const why = beside
      ? this.notPlayed
      : "This browser has trouble with the sound. It may be damaged, or there is no output for sound.";
    told.textContent = error?.message ? `${why} (${error.message})` : why;
  }

  get notPlayed() {
    return "This browser cannot play the recording: it is looked for beside this page, or is of a kind that browsers do not play. --page-audio embed puts the sound into the page.";
  }

  // Telling

  // Returns the place of the last moment that is not after some seconds.
  moment(seconds) {
    const { moments } = this.data;
    let low = 0, high = moments.length - 1;
    while (low < high) {
      const half = (low + high + 1) >> 1;
      if (moments[half] <= seconds) low = half;
      else high = half - 1;
    }
    return low;
  }

  told(seconds = this.at) {
    const data = this.data, span = this.to - this.from;
    this.one(".now").value = `${clock(seconds)} / ${clock(data.duration_s)}`;
    const cursor = this.one(".cursor");
    cursor.hidden = this.at < this.from || this.at > this.to;
    cursor.style.transform = `translateX(${((this.at - this.from) / span) * this.over.clientWidth}px)`;
    this.over.setAttribute("aria-valuenow", this.at.toFixed(1));
    this.over.setAttribute("aria-valuetext", clock(this.at));
    const names = (this.names ??= this.all(".name.lane span").map((name) => name.textContent));
    const voiced = !data.voiced || data.voiced.some(([from, to]) => from <= seconds && seconds < to);
    const named = new Set(data.segments.flatMap((list, place) => (list.some(([from, to]) => from <= seconds && seconds < to) ? [place] : [])));
    const now = this.moment(seconds), order = data.probabilities.map((lane, place) => [place, lane[now] / 255]).sort((a, b) => b[1] - a[1]);
    const shown = order.filter(([place], rank) => named.has(place) || rank < 3);
    const parts = shown.flatMap(([place, p]) => {
      const part = document.createElement(named.has(place) ? "b" : "span");
      part.textContent = `${names[place]} ${p.toFixed(2)}`;
      return [", ", part];
    });
    this.one(".said").replaceChildren(...(voiced && data.moments.length ? parts.slice(1) : ["no speech"]));
    if (seconds !== this.at) return;
    for (const row of this.rows) row.classList.toggle("here", +row.dataset.from <= this.at && this.at < +row.dataset.to);
  }
}

const recordings = new Map([...document.querySelectorAll(".recording")].map((section) => [section, new Recording(section)]));
const every = (what) => { for (const recording of recordings.values()) what(recording); };
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const recording = recordings.get(target);
    if (isIntersecting) recording.show();
    else if (recording.drawn) recording.hide();
  }
}, { rootMargin: "600px 0px" });
for (const section of recordings.keys()) sight.observe(section);

const redraw = () => every((recording) => recording.drawn && recording.draw());
dark.addEventListener("change", redraw);
let resized = 0;
addEventListener("resize", () => { cancelAnimationFrame(resized); resized = requestAnimationFrame(redraw); });
addEventListener("beforeprint", () => { printing = true; every((recording) => recording.show()); });
addEventListener("afterprint", () => { printing = false; redraw(); });

// What comes into sight on the way takes its room late, and moves the place that was asked for.
addEventListener("hashchange", () => setTimeout(() => document.getElementById(location.hash.slice(1))?.scrollIntoView(), 150));

const find = document.getElementById("find");
if (find) {
  const body = document.querySelector("#list tbody"), rows = [...body.rows], sections = [...recordings.keys()];
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    let left = 0;
    rows.forEach((row) => {
      const there = row.cells[0].textContent.toLowerCase().includes(wanted);
      row.hidden = sections[+row.cells[0].dataset.value].hidden = !there;
      left += there;
    });
    document.getElementById("found").textContent = wanted ? `${left} of ${rows.length}` : "";
  });
  document.querySelectorAll("#list thead th").forEach((head, column) => {
    head.querySelector("button").onclick = () => {
      const up = head.getAttribute("aria-sort") === (column ? "descending" : "ascending") ? !!column : !column;
      document.querySelectorAll("#list thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => +row.cells[column].dataset.value;
      body.append(...[...rows].sort((one, other) => (up ? 1 : -1) * (value(one) - value(other))));
    };
  });
}
